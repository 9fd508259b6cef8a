/// Units of measurement and currencies. The spellings of a unit have one form; nothing is converted.
enum Units {
  /// The form of a unit that stands behind a number; nil for another word.
  ///
  /// - Parameters:
  ///   - text: as it is written. MB is a megabyte, and Mb a megabit.
  ///   - isAttached: whether no space stands before it. `5m` may be five metres or five million, so it has no form.
  static func form(of text: String, isAttached: Bool) -> String? {
    if let form = exact[text] { return form }
    if isAttached, text == "m" || text == "M" { return nil }
    // ML and Mg are not ml and mg.
    return spelled[text.utf8.count <= 2 ? text : text.lowercased()]
  }

  /// The form of a currency that stands before an amount.
  static func currency(_ text: String) -> String? { currencies[text] }

  private static let currencies: [String: String] = [
    "$": "dollar", "€": "euro", "£": "sterling", "¥": "yen", "₹": "rupee", "EUR": "euro", "GBP": "sterling",
    "USD": "us dollar", "CHF": "franc", "JPY": "yen", "INR": "rupee",
  ]

  /// Spellings in which capitals matter.
  private static let exact: [String: String] = [
    "B": "byte", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "PB": "petabyte", "KiB": "kibibyte", "MiB": "mebibyte", "GiB": "gibibyte", "TiB": "tebibyte",
    "kb": "kilobit",
    "Kb": "kilobit", "Mb": "megabit", "Gb": "gigabit", "kbit": "kilobit", "Mbit": "megabit",
    "Gbit": "gigabit",
    "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "mW": "milliwatt", "W": "watt", "V": "volt",
    "kV": "kilovolt",
    "A": "ampere", "mA": "milliampere", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz",
    "GHz": "gigahertz",
    "Pa": "pascal", "kPa": "kilopascal", "MPa": "megapascal", "J": "joule", "kJ": "kilojoule",
    "MJ": "megajoule",
    "kWh": "kilowatt hour", "°C": "degree celsius", "℃": "degree celsius", "°F": "degree fahrenheit",
    "°": "degree",
    "%": "percent", "€": "euro", "£": "sterling", "$": "dollar", "¥": "yen", "EUR": "euro", "GBP": "sterling",
    "USD": "us dollar", "CHF": "franc", "JPY": "yen", "INR": "rupee", "L": "litre", "N": "newton",
    "K": "kelvin",
  ]

  private static let spelled: [String: String] = {
    var table: [String: String] = [:]
    for line in names.split(separator: ";") {
      let spellings = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let form = spellings.first else { continue }
      for spelling in spellings {
        table[spelling] = form
        if spelling.utf8.count > 3 { table[spelling + "s"] = form }
      }
    }
    return table
  }()

  /// Each entry is a form and its other spellings. A plural in -s is added to spellings of more than three bytes.
  private static let names = """
    second s sec secs; minute min mins; hour h hr hrs; day d; week wk wks; month; year yr yrs; millisecond ms msec; \
    microsecond µs μs; nanosecond ns; metre meter m; kilometre kilometer km; centimetre centimeter cm; \
    millimetre millimeter mm; micrometre micrometer µm μm; mile mi; foot feet ft; inch inches; yard yd yds; \
    gram gramme g; kilogram kilogramme kg; milligram mg; tonne; ton; pound lb lbs; ounce oz; litre liter l; \
    millilitre milliliter ml; gallon gal; percent pct; degree; euro; dollar; sterling; byte; bit; kilobyte; megabyte; \
    gigabyte; terabyte; petabyte; kibibyte; mebibyte; gibibyte; tebibyte; kilobit; megabit; gigabit; watt; kilowatt; \
    megawatt; volt; ampere amp; hertz; hectare ha; acre; celsius; fahrenheit; knot; bar; calorie kcal; cent; yen; \
    franc; rupee
    """
}
