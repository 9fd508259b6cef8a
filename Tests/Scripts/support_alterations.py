"""Writes sentences that a language model might say about a source, right and wrong ones, to test a support checker.

A support checker lets a model's sentence through only when a source sentence says the same. This script takes whole
sentences of squad2-dev and of the demo handbook and changes one fact in each by a rule: a number, a unit, a name, a
negation, a direction, a modal verb, a quantifier, a time of day, who did what to whom, a value of the same sentence or
of the same chunk, two sentences merged into a false one, an attribution dropped, a condition cut off. Next to these
"altered" sentences it prints "unaltered" ones (equal to their source), "harmless" rewordings that say the same (order
of phrases, contractions, spelling of numbers), and SciFact's claims with their evidence sentences ("scifact").

It prints one JSON object a line: id, group, kind, original (the source sentence; for SciFact the evidence sentences in
one line), sentence (what the model is imagined to have said) and sources (the sentences of the chunk with their
heading). The seed, the counts by kind and the SHA-256 of the output go to standard error. The same seed and files give
the same output.

usage: support_alterations.py [--seed N] [--count N] [--squad FILE] [--handbook FOLDER] [--scifact FOLDER]
"""
import argparse
import hashlib
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
WINDOW = 6  # how many neighbouring sentences of a chunk are sources together
FEWEST_WORDS, MOST_WORDS = 5, 60
HARMLESS_COUNT, UNALTERED_COUNT = 600, 600
VARIANTS = {"time_of_day": 8, "swapped": 2, "merged": 2}  # the most alterations of a kind for one sentence; others: 1
HANDBOOK_FIRST = ("time_of_day", "modality", "condition", "unit")

Found = Iterator[tuple[str, str]]  # the name of a rule, and the sentence that it makes


@dataclass(frozen=True)
class Sentence:
    """A sentence of a document with the sentences around it; `whole` when it can stand alone."""
    text: str
    heading: str
    article: str
    handbook: bool
    whole: bool
    sources: tuple[str, ...]


# ---------------------------------------------------------------------------------------------- reading the documents

ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Mt|Ft|Gen|Col|Capt|Lt|Gov|Sen|Rep|Rev|Hon|No|Nos|Vol|vol|ed|eds|v|vs|al|etc|c|"
    r"ca|cf|e\.g|i\.e|approx|Inc|Co|Corp|Ltd|Bros|Fr|pp|p|Op|op|Art|Ch|sq|cu|ft|mi|in|[A-Z]|[A-Za-z]\.[A-Za-z]))\.$")
STARTER = re.compile(r" +(?:The|This|Thus|It|In|An?|Of|However|For|These|They|He|She|But|If|When|As|Another)\b")
SENTENCE_END = re.compile(r"[.!?](?:[\"'”’)\]]|\[[^\]]*\])*(?= +[\"'“‘(\[]?[A-Z0-9])")


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def split_sentences(text: str) -> list[str]:
    text = " ".join(text.split())
    sentences, start = [], 0
    for match in SENTENCE_END.finditer(text):
        abbreviated = text[match.start()] == "." and ABBREVIATION.search(text[:match.start() + 1])
        if abbreviated and not STARTER.match(text[match.end():]):
            continue
        sentences.append(text[start:match.end()].strip())
        start = match.end()
    return [sentence for sentence in [*sentences, text[start:].strip()] if sentence]


def is_whole(text: str) -> bool:
    """Whether the text looks like one sentence of plain English that can stand alone."""
    words = text.split()
    return (FEWEST_WORDS <= len(words) <= MOST_WORDS and re.match(r"[A-Z]", text) is not None
            and re.search(r"[A-Za-z0-9)%\"”]\.$|\.\"$", text) is not None and ABBREVIATION.search(text) is None
            and not re.search(r"[=^\\{}|<>≤≥∈≠√∞+*\[\]#_\u0370-\u03ff\u4e00-\u9fff]|--|[?!]", text)
            and not re.search(r"\. [a-z(]|\.[A-Z]|\.\.| [.,]|\betc\. [A-Z]", text)
            and text.count("(") == text.count(")") and text.count('"') % 2 == 0
            and text.count("“") == text.count("”")
            and sum(character.isalpha() or character == " " for character in text) > 0.8 * len(text))


def chunk_of(sentences: list[str], heading: str, article: str, handbook: bool, fragments: set[str]) -> list[Sentence]:
    chunk = []
    for index, text in enumerate(sentences):
        first = max(0, min(index - WINDOW // 2, len(sentences) - WINDOW))
        whole = is_whole(text) and text not in fragments
        chunk.append(Sentence(text, heading, article, handbook, whole, tuple(sentences[first:first + WINDOW])))
    return chunk


def read_squad(path: Path) -> list[Sentence]:
    sentences = []
    for line in path.read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        sentences += chunk_of(split_sentences(document["text"]), document["title"], document["title"], False, set())
    return sentences


class Page(HTMLParser):
    """Turns an HTML page into lines of Markdown: headings and paragraphs, without scripts, menus and tables."""
    SKIPPED = ("script", "style", "nav", "table", "head")

    def __init__(self) -> None:
        super().__init__()
        self.lines, self.words, self.skipping = [], "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipping += tag in self.SKIPPED

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.words += data

    def handle_endtag(self, tag: str) -> None:
        self.skipping -= tag in self.SKIPPED
        if re.fullmatch(r"h[1-6]|p|li|ul|body", tag):
            self.lines += [("# " if tag[0] == "h" else "") + " ".join(self.words.split()), ""]
            self.words = ""


def read_handbook(folder: Path) -> list[Sentence]:
    sentences = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".md", ".txt", ".html"):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            page = Page()
            page.feed(text)
            text = "\n".join(page.lines)
        heading, chunk, fragments, paragraph = path.stem, [], set(), ""
        for line in [*re.sub(r"```.*?```", "", text, flags=re.S).splitlines(), "", "# end"]:
            is_heading = re.match(r"#+ ", line) or (line == line.upper() and re.search(r"[A-Z]{2}", line))
            item = re.match(r"(?:- |\d+\. )", line)
            if is_heading or item or not line.strip():
                chunk += split_sentences(paragraph)
                paragraph = ""
            if is_heading:
                sentences += chunk_of(chunk, heading, path.name, True, fragments)
                heading, chunk = line.lstrip("# "), []
            elif item:
                paragraph = line[item.end():]
                fragments |= set(split_sentences(paragraph)) if line[0] == "-" else set()
            elif line.strip() and line[0] != "|":
                paragraph += " " + line
    return sentences


def read_scifact(folder: Path) -> list[dict]:
    """SciFact's claims, one line for each claim and document with evidence."""
    documents = {}
    for line in (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        documents[document["id"]] = document
    lines = []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        evidence: dict[tuple[str, str], set[int]] = {}
        for entry in question["evidence"]:
            evidence.setdefault((entry["doc_id"], entry["label"]), set()).update(entry["sentences"])
        for (name, label), indexes in evidence.items():
            document = documents[name]
            ends = [*document["sentence_starts"][1:], len(document["text"])]
            spans = [document["text"][document["sentence_starts"][index]:ends[index]] for index in sorted(indexes)]
            texts = [" ".join(span.replace("\\n", " ").split()) for span in spans]
            lines.append({"group": "scifact", "kind": label, "original": " ".join(texts),
                          "sentence": question["question"],
                          "sources": [{"text": text, "heading": document["title"]} for text in texts]})
    return lines


# --------------------------------------------------------------------------------------------------- small text tools

def begins_with_vowel(text: str) -> bool:
    return re.match(r"(?:[aeio]|8|11(?!\d)|18(?!\d)|u(?!ni(?!n|m)|s[aeiu]|r[aio]|ti|k))(?!ne\b|nce\b|u[rc])",
                    text, re.I) is not None


def put(text: str, start: int, end: int, new: str) -> str:
    """The text with text[start:end] replaced. Adjusts the article before it (a, an), keeps a capital at the front."""
    if start == 0 and text[0].isupper():
        new = new[0].upper() + new[1:]
    before = text[:start]
    article = re.search(r"\b([Aa])n? $", before)
    if article and new:
        before = before[:article.end(1)] + ("n " if begins_with_vowel(new) else " ")
    return before + new + text[end:]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str, lower_words: set[str]) -> str:
    """The text with its first word in lower case, unless that word looks like a name."""
    word = re.match(r"[A-Za-z'’-]+", text)
    if not word or word.group() in PROPER or word.group().lower() not in lower_words:
        return text
    if re.match(r" (?:of )?[A-Z]", text[word.end():]) and not re.fullmatch(ARTICLES, word.group()):
        return text
    return text[0].lower() + text[1:]


def like(old: str, new: str) -> str:
    return capital(new) if old[:1].isupper() else new


def pairs(*texts: str) -> dict[str, str]:
    """A table from texts of the form "a/b c/d", both ways."""
    table = {}
    for text in texts:
        for pair in text.split():
            left, right = pair.replace("_", " ").split("/")
            table[left], table[right] = right, left
    return table


def one_way(*texts: str) -> dict[str, list[str]]:
    """A table from texts of the form "a/b,c d/e", one way."""
    table = {}
    for text in texts:
        for entry in text.split():
            left, right = entry.replace("_", " ").split("/", 1)
            table[left] = right.split(",")
    return table


@cache
def alternatives(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) + ")"


def any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return alternatives(tuple(words))


# -------------------------------------------------------------------------------------------------------------- words

ARTICLES = r"The|An?|In|On|By|At|For|From|With|Under|His|Her|Its|Their|Each|Every|Some|Many|Most|All|No"
NUMBER_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
                "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
                "sixty": 60, "eighty": 80}
WORD_OF_NUMBER = {value: word for word, value in NUMBER_WORDS.items()}
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
            "twentieth"]
NUMERAL = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
NUMBER = re.compile(r"(?<![\w.,:/$€£+&’'°-])" + NUMERAL + r"(?![\w:/%°’']|\.\d|,\d|-\d)")
ANY_NUMBER = r"(?:" + NUMERAL + "|" + any_of(NUMBER_WORDS) + r")"
ROUGHLY = re.compile(r"(?:about|around|approximately|nearly|almost|roughly|some|circa|c\.|ca\.|estimated|than|least|"
                     r"over|"
                     r"most|to|under|within|above|below|exceeding|~)(?: (?:US|the|a|an|[$€£]))? ?[$€£]?$")
LOWER_BOUND = re.compile(r"(?:more than|greater than|larger than|longer than|at least|over|above|exceeding|minimum of) "
                         r"?[$€£]?$")
UPPER_BOUND = re.compile(r"(?:less than|fewer than|at most|up to|under|below|within|no more than|maximum of|never "
                         r"later "
                         r"than) ?[$€£]?$")

MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
GIVEN = """John Richard William Robert George Charles Isaac David Thomas Henry James Edward Joseph Paul Lawrence Simon
Michael Friedrich Albert Louis Jean Frank Stephen Peter Alan Milton Martin Stefan Walter Arthur Andrew Daniel Samuel
Philip Francis Frederick Antoine Pierre Hugh Roger Alexander Karl Mary Elizabeth Anna Jane Margaret Leonard Bernhard
Christian Oliver Benjamin Patrick Eric Kevin Bernard Nicholas Raymond Donald Howard Mark Mike Steve Jeff""".split()
COUNTRIES = """France Germany Italy Poland Spain Ireland Australia Japan India Egypt Norway Iraq Iran
Afghanistan Austria Switzerland Sweden Canada Russia Belgium Denmark Portugal Pakistan Brazil Vietnam Mexico Greece
Croatia Finland Hungary Estonia Luxembourg Kuwait Lebanon Syria Israel Cuba Nigeria Sudan Colombia Iceland China
Scotland Wales England Prussia Argentina Turkey Algeria Cyprus""".split()
DEMONYMS = """French British Chinese German Dutch English Italian Greek Spanish Polish Scottish Irish Swedish Danish
Belgian Swiss Portuguese Austrian Russian Australian Canadian Mexican Egyptian Japanese Korean Norwegian Hungarian
Persian Turkish Iranian Israeli Palestinian Tibetan Mongolian Venetian Welsh""".split()
PEOPLES = """Normans Huguenots Mongols Americans Germans Greeks Catholics Protestants Muslims Christians Jews Arabs
Danes Swedes Indians Egyptians Canadians""".split()
CITIES = """Warsaw Paris London Berlin Rotterdam Hamburg Amsterdam Chicago Boston Melbourne Sydney Cologne Geneva
Edinburgh Dublin Vienna Rome Milan Venice Florence Constantinople Antioch Jerusalem Kraków Bonn Frankfurt Strasbourg
Basel Montreal Miami Pittsburgh Philadelphia Dallas Denver Atlanta Bergen Marseille Beijing Hangzhou Shanghai Arnhem
Duisburg Düsseldorf Mainz Geelong Ballarat Bendigo Bremen Helsinki Fresno Sacramento Bakersfield Jacksonville Tampa
Orlando Mecca Cairo Baghdad Damascus Tehran Kabul Manchester Liverpool Birmingham Glasgow""".split() + [
    "Los Angeles", "San Diego", "San Francisco", "New Orleans", "Las Vegas", "San Bernardino", "Santa Barbara"]
STATES = """California Florida Pennsylvania Virginia Massachusetts Nevada Ohio Maryland Delaware Louisiana Arizona Texas
Oregon Illinois Michigan Queensland Tasmania""".split() + ["New South Wales", "South Carolina", "South Australia",
                                                           "Nova Scotia"]
CONTINENTS = "Europe Asia Africa Scandinavia".split() + ["North America", "South America", "Central Asia"]
RIVERS = "Rhine Vistula Danube Meuse Waal Moselle Neckar Aare Seine Rhône Mississippi".split()
SCIENTISTS = """Newton Einstein Galileo Aristotle Maxwell Archimedes Hooke Turing Fermat Euler Gauss Mersenne Euclid
Feynman Pauli Lavoisier Priestley Scheele""".split()
ENGINEERS = "Watt Newcomen Savery Trevithick Rankine Carnot Corliss Stephenson".split()
KHANS = "Kublai Möngke Ögedei Genghis Ariq Temür Khayishan Ayurbarwada".split()
COMMANDERS = "Montcalm Braddock Loudoun Abercrombie Amherst Wolfe Dinwiddie Vaudreuil Shirley Céloron Dieskau".split()
ECONOMISTS = "Kuznets Piketty Stiglitz Galor Barro Krugman Keynes Marx Rawls Nozick".split()
FAITHS = "Islam Christianity Judaism Buddhism Catholicism Protestantism Taoism Confucianism".split()
FAITHFUL = "Islamic Christian Jewish Buddhist Catholic Protestant Muslim Confucian Calvinist Lutheran".split()
COURTS = ["Court of Justice", "European Court of Human Rights", "Supreme Court", "Constitutional Court"]
BODIES = ["European Parliament", "European Commission", "European Council", "European Central Bank"]
PARLIAMENTS = ["House of Commons", "House of Lords", "Scottish Parliament", "Scottish Government", "Welsh Assembly"]
UNIVERSITIES = ["University of Chicago", "University of Warsaw", "University of Melbourne", "University of Oxford",
                "University of Cambridge", "Harvard", "Yale", "Princeton", "Stanford", "Columbia University"]
ALLIANCES, CLIMATE_BODIES = "NATO OPEC OAPEC".split(), "IPCC WMO UNEP UNFCCC".split()
BROADCASTERS, LEAGUES = "BBC ITV BSkyB".split(), "NBA NFL NHL MLB".split()
PACKET_NETWORKS = "ARPANET CYCLADES TYMNET Telenet DECnet AppleTalk DATAPAC".split()
GASES = "oxygen nitrogen hydrogen helium chlorine argon ozone methane".split()
DYNASTIES = "Yuan Ming Qing Song Tang Jin Liao Han".split()
RANKS = ["First Minister", "Prime Minister", "Presiding Officer", "Foreign Minister", "Secretary of State"]
ROLES = ["database steward", "duty manager", "release captain", "incident commander", "operations lead",
         "communications lead", "access steward", "line manager", "Kafka steward", "network lead", "vendor manager",
         "observability engineer", "head of security", "head of engineering", "head of customer service",
         "finance director", "account manager", "press officer", "reliability lead", "scribe", "facilitator"]
SYSTEMS = ["Gatehouse", "Coupler", "Signalbox", "Strongroom", "Klaxon"]
SUPPLIERS = ["Northlight", "Quayline", "Pinion Pay", "Contour Atlas", "Brannock Hardware"]
STORES = ["orders database", "billing ledger", "search index", "wagon tracker cache", "data warehouse"]
LEVELS = ["SEV1", "SEV2", "SEV3", "SEV4"]
NETWORKS = ["HRL-Staff", "HRL-Devices", "HRL-Guest"]
FAULTY_PARTS = ["booking portal", "payment gateway", "wagon tracker", "gate camera", "batch job", "booking service"]
PRIMARIES = ["primary", "secondary"]
FAMILIES = {"month": MONTHS, "weekday": WEEKDAYS, "given": GIVEN, "country": COUNTRIES, "demonym": DEMONYMS,
            "people": PEOPLES, "city": CITIES, "state": STATES, "continent": CONTINENTS, "river": RIVERS,
            "scientist": SCIENTISTS, "engineer": ENGINEERS, "khan": KHANS, "commander": COMMANDERS,
            "economist": ECONOMISTS, "faith": FAITHS, "faithful": FAITHFUL, "court": COURTS, "body": BODIES,
            "parliament": PARLIAMENTS, "university": UNIVERSITIES, "alliance": ALLIANCES, "climate": CLIMATE_BODIES,
            "broadcaster": BROADCASTERS, "league": LEAGUES, "packets": PACKET_NETWORKS, "gas": GASES,
            "dynasty": DYNASTIES, "rank": RANKS, "role": ROLES, "system": SYSTEMS, "supplier": SUPPLIERS,
            "store": STORES, "level": LEVELS, "network": NETWORKS, "part": FAULTY_PARTS, "primary": PRIMARIES}
NAME = re.compile(r"(?<![\w–&-])(?:"
                  + "|".join(f"(?P<{family}>{any_of(members)})" for family, members in FAMILIES.items())
                  + r")(?![\w–&-])")
PROPER = {name for members in FAMILIES.values() for name in members if name[0].isupper() and " " not in name}
ALIASES = [{"England", "Britain", "British", "English", "Scotland", "Wales"}, {"Prussia", "Germany"},
           {"BSkyB", "Sky"}, {"European Commission", "European Council"}, {"Huguenots", "Protestants"},
           {"Catholic", "Christian", "Protestant"}, {"Islamic", "Muslim"}, {"China", "Mongolia"},
           {"Catholicism", "Protestantism", "Christianity"}, {"Catholics", "Protestants", "Christians"},
           {"Scottish", "British"}, {"Persian", "Iranian"}, {"Scottish Parliament", "Scottish Government"}]
# The text before or after a name that is a part of another name or of a fixed phrase.
NAME_BEFORE = re.compile(r"(?:\b(?:St|Fort|Lake|Mount|Saint|Port|New|San|Native|Central|Anglo|Old|Great|Little|Edict "
                         r"of|Van|"
                         r"Treaty of|Holy|Magna|King|Cape|Upper|Lower|County|European|Roman|mid|well|[A-Z]\.)\.? ?|-|"
                         r"–)$")
NAME_AFTER = re.compile(r"(?:['’]s? (?:War|Law|law)|['’] | (?:City|County|River|Beach|Street|Islands?|Sea|Peninsula|"
                        r"Valley|"
                        r"Desert|Ocean|Channel|Company|Uprising|Act|Guiana|Revolt|Lake|Press|Avenue|Boulevard|Park|"
                        r"Temür|Gulf|University|Bay|Road|Tract|II|III|IV|XIV|XVI|V|I|moss)\b|-|–)")

UNITS = one_way(
    "seconds/minutes,milliseconds minutes/hours,seconds hours/days,minutes days/weeks,hours weeks/months,days",
    "months/years,weeks years/months,decades decades/years,centuries centuries/decades second/minute minute/hour",
    "hour/day,minute day/week,hour week/month,day month/year,week year/month,decade decade/century",
    "millennia/centuries working_days/calendar_days,working_weeks milliseconds/seconds,microseconds",
    "kilometres/miles,metres kilometers/miles,meters metres/kilometres,feet meters/kilometers,feet km/miles,m",
    "miles/kilometres,yards feet/metres,inches foot/metre ft/m inches/feet,centimetres inch/foot mm/cm cm/mm,inches",
    "kilometre/mile mile/kilometre metre/kilometre millimetres/centimetres millimeters/centimeters",
    "megabyte/gigabyte,kilobyte megabytes/gigabytes,kilobytes gigabytes/megabytes,terabytes",
    "megabits/gigabits,kilobits gigabits/megabits tonnes/kilograms,ounces tons/pounds kg/pounds,grams",
    "pounds/tonnes,kilograms grams/kilograms acres/hectares,square_miles hectares/acres ha/acres",
    "square_miles/square_kilometres,acres square_kilometres/square_metres,hectares square_kilometers/square_miles",
    "sq_mi/acres million/billion,thousand billion/million,trillion trillion/billion thousand/million,hundred",
    "hundred/thousand euros/cents,dollars cents/euros,percent dollars/euros,cents mph/km/h gigatons/kilotons",
    "percent/percentage_points per_cent/percentage_points",
    "volts/watts watts/volts litres/gallons gallons/litres")
UNIT = re.compile(r"(?<![\w.,:/-])(" + ANY_NUMBER + r")( |-(?=[a-z]))(" + any_of(UNITS) + r")(?![\w/])")
FREQUENCY = one_way(
    "every_week/every_day,every_month every_month/every_week,every_year every_year/every_month",
    "every_quarter/every_month,every_year each_month/each_week,each_year a_year/a_month,a_week a_week/a_day,a_month",
    "a_month/a_week,a_year per_second/per_minute,per_hour per_minute/per_second per_week/per_day,per_month",
    "per_year/per_month,per_week per_day/per_hour,per_week per_month/per_year per_hour/per_day",
    "every_minute/every_hour,every_second yearly/monthly,weekly monthly/weekly,yearly weekly/daily,monthly",
    "annual/monthly,weekly annually/monthly,weekly daily/weekly,hourly quarterly/monthly,yearly",
    "nightly/weekly,hourly every_half-year/every_quarter half_an_hour/half_a_day half-hour/half-day",
    "each_year/each_month every_day/every_week each_day/each_week each_week/each_month,each_day",
    "working_day/calendar_day within_the_hour/within_the_day,within_the_minute weekdays/weekends",
    "square_miles/square_kilometres half_a_year/half_a_month within_one_month/within_one_year")
FREQUENT = re.compile(r"(?<![\w-])(" + any_of(FREQUENCY) + r")(?![\w-])", re.I)

VERBS = """accept achieve acquire add adopt affect allow announce appear appoint approve arrive attack attract avoid
capture carry cause collect combine complete conclude confirm conquer consist contain continue contribute control cover
create cross decide declare defeat define demand depend describe destroy determine develop discover dominate employ
enable encourage enjoy enter establish exist expand expire explain face feature finish follow gain generate govern grant
guarantee help host improve include inherit invade invent invite involve join kill lack launch limit live maintain marry
move need obtain occupy occur offer open operate oppose own pass permit possess prefer prevent produce promise promote
protect prove provide publish purchase raise reach receive recognize reduce refuse reject release remain remove renew
replace require respond restore reveal serve settle sign solve start stay stop succeed suffer supply support surrender
survive travel use visit vote want watch wear work check leave return describe belong carry pay pick recognise
travel""".split()
IRREGULAR = {"become": "became", "begin": "began", "bring": "brought", "build": "built", "choose": "chose",
             "come": "came", "drive": "drove", "fall": "fell", "find": "found", "give": "gave", "grow": "grew",
             "hold": "held", "keep": "kept", "know": "knew", "lead": "led", "lose": "lost", "make": "made",
             "mean": "meant", "meet": "met", "pay": "paid", "run": "ran", "see": "saw", "sell": "sold",
             "send": "sent", "speak": "spoke", "stand": "stood", "take": "took", "win": "won", "write": "wrote",
             "leave": "left", "go": "went", "rise": "rose", "fight": "fought", "have": "had"}
DOUBLED = {"stop", "permit", "prefer", "occur", "control"}


def present(verb: str) -> str:
    if verb == "have":
        return "has"
    if re.search(r"(?:ch|sh|ss|x|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"


def past(verb: str) -> str:
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + (verb[-1] if verb in DOUBLED else "") + "ed"


ALL_VERBS = sorted({*VERBS, *IRREGULAR} - {"have"})
BASE_OF_PRESENT = {present(verb): verb for verb in ALL_VERBS}
BASE_OF_PAST = {past(verb): verb for verb in ALL_VERBS}
DETERMINER = r"(?:the|an?|its|his|her|their|our|this|that|these|those|each|every|all|both|one|two|three|more)"


# ------------------------------------------------------------------------------------- the alterations, kind by kind

YEAR = r"1[0-9]{3}|20[0-4][0-9]"
NEAR_NUMBERS = {2: [3, 4], 3: [2, 4, 5], 4: [3, 5], 5: [4, 6], 6: [5, 7, 8], 7: [6, 9], 8: [7, 9], 9: [8], 10: [12, 20]}
NOT_A_COUNT = re.compile(r"[ -](?:or|and|to|of|o'clock|more|others?)\b|-(?:thirds|fifths|one|two|three|four|five|six)")
PART_OF_COUNT = re.compile(r"(?:\bor|\band|\bto|-|the|these|those|other|latter|former|hundred|thousand) $")


def ordinal(number: int) -> str:
    return f"{number}" + ("th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"))


def other_numbers(digits: str, before: str, after: str) -> Iterator[tuple[str, str]]:
    """Other values for a number in digits, each with the name of its rule."""
    plain = digits.replace(",", "")
    upward, downward = LOWER_BOUND.search(before) is not None, UPPER_BOUND.search(before) is not None
    rough = ROUGHLY.search(before) is not None
    if "." in digits:
        whole, tail = digits.split(".")
        if not rough:
            yield "decimal digit", f"{whole}.{(int(tail[0]) + 3) % 10}{tail[1:]}"
        if not downward and whole != "0":
            yield "decimal point", whole + tail[0] + ("." + tail[1:] if tail[1:] else "")
    elif "," in digits:
        if not downward:
            yield "thousands by ten", f"{int(plain) * 10:,}"
            if digits[0] != "9":
                yield "first digit", f"{int(digits[0]) + 1}{digits[1:]}"
        if not upward and plain.endswith("0"):
            yield "thousands by a tenth", f"{int(plain) // 10:,}"
    elif re.search(any_of(MONTHS) + " $", before) or re.match(" " + any_of(MONTHS), after):
        if 1 < int(plain) <= 31:
            yield "day of month", str(int(plain) + (-1 if int(plain) > 15 else 1))
    elif int(plain) > 1 and plain[0] != "0":
        number = int(plain)
        if not rough:
            yield "plus one", str(number + 1)
            if number > 3:
                yield "minus one", str(number - 1)
            if len(plain) == 2 and plain[0] != plain[1] != "0":
                yield "digits exchanged", plain[::-1]
        if not downward:
            yield "doubled", str(number * 2)
            if number % 10 == 0 and not re.match(r" ?%| per ?cent", after):
                yield "by ten", str(number * 10)
        if number > 3 and not upward and number % 2 == 0:
            yield "halved", str(number // 2)


def number_rule(text: str) -> Found:
    for match in NUMBER.finditer(text):
        digits, before, after = match.group(), text[:match.start()], text[match.end():]
        if re.match(r"(?:st|nd|rd|th)\b|[a-z]", after) or re.search(r"(?:Figure|Table|Fig|\b[A-Z]{1,2})\.? $", before):
            continue
        if re.fullmatch(YEAR, digits):
            if re.match(r"[–-]", after):
                continue
            years = [(f"year by {abs(step)}", int(digits) + step) for step in (10, -10, 1, -1, 100)]
            if digits[2] != digits[3]:
                years.append(("year digits exchanged", int(digits[:2] + digits[3] + digits[2])))
            for name, year in years:
                if year <= 2024:
                    yield name, put(text, match.start(), match.end(), str(year))
        elif not (re.match(r"–|(?: and| or| to|,) \d", after) or re.search(r"(?:\d(?:,| and| or| to)|–) ?$", before)):
            # Numbers in a list or a range are left alone: with one value changed, it could still mean the same.
            for name, other in other_numbers(digits, before, after):
                yield name, put(text, match.start(), match.end(), other)
    for match in re.finditer(r"(?<![\w.,–-])(\d{1,2}(?:\.\d)?)%", text):
        before = text[:match.start()]
        value = float(match.group(1)) * 2 if ROUGHLY.search(before) else float(match.group(1)) + 3
        if value < 100 and not UPPER_BOUND.search(before):
            yield "percent", put(text, match.start(1), match.end(1), f"{value:g}")
    for match in re.finditer(r"(?<=[$€£])" + NUMERAL + r"(?![\d,.]*\d)", text):
        plain = match.group().replace(",", "")
        if not UPPER_BOUND.search(text[:match.start()]):
            new = plain.replace(".", "") if "." in plain else f"{int(plain) * 3:,}"
            yield "money", put(text, match.start(), match.end(), new)
    for match in re.finditer(r"(?<![\w-])" + any_of(NUMBER_WORDS) + r"(?= [a-z]|-[a-z])", text, re.I):
        before, value = text[:match.start()], NUMBER_WORDS[match.group().lower()]
        if NOT_A_COUNT.match(text[match.end():]) or PART_OF_COUNT.search(before):
            continue
        for other in NEAR_NUMBERS.get(value, [value + 10 if value + 10 in WORD_OF_NUMBER else 25 - value // 4]):
            if other in WORD_OF_NUMBER and not (LOWER_BOUND if other < value else UPPER_BOUND).search(before):
                yield "number word", put(text, match.start(), match.end(), like(match.group(), WORD_OF_NUMBER[other]))
    for match in re.finditer(r"\b(\d{1,2})(?:st|nd|rd|th)(?=[ -](?!and|or|to)[a-z])", text):
        for other in (int(match.group(1)) - 1, int(match.group(1)) + 1):
            if other > 0:
                yield "ordinal digits", put(text, match.start(), match.end(), ordinal(other))
    for match in re.finditer(r"\b(?:the|a|its|his|her|their) (" + "|".join(ORDINALS[1:])
                             + r") (?!half|time|and|or|part|hand)[a-z]", text):
        index = ORDINALS.index(match.group(1))
        yield "ordinal word", put(text, match.start(1), match.end(1), ORDINALS[index + 1 if index < 19 else 17])
    for match in re.finditer(r"\b(once|twice)(?= (?:a|every|each|during)\b)", text):
        for new in {"once": ["twice", "three times"], "twice": ["three times", "once"]}[match.group()]:
            yield "times", put(text, match.start(), match.end(), new)
    for match in re.finditer(r"(?:^|\b(?:to|about|over|nearly|is|are|was|with|of|for|and|receive) |, )"
                             r"(a third|one third|one-third|a quarter|three quarters|two-thirds|half) of\b", text):
        new = {"half": "a third"}.get(match.group(1), "half")
        yield "fraction", put(text, match.start(1), match.end(1), new)


SYMBOLS = {"km": "m", "mi": "yd", "ft": "in", "kg": "g", "GB": "MB", "MB": "GB", "Mbit/s": "kbit/s"}
PER_TIME = re.compile(r"(?:once|twice|times|meetings|hours|days) $")


def unit_rule(text: str) -> Found:
    for match in UNIT.finditer(text):
        before, after, unit = text[:match.start()], text[match.end():], match.group(3)
        if unit == "second" and match.group(2) == " " or unit in ("hundred", "thousand") and re.match(r" and|-", after):
            continue
        for new in UNITS[unit]:
            if new == "percentage points" and not re.search(r"\b(?:by|grew|rose|fell|(?:in|de)crease of) $", before):
                continue
            if not (unit == "million" and new == "thousand" and "." in match.group(1)):
                yield f"unit {unit}", put(text, match.start(3), match.end(3), new)
    for match in FREQUENT.finditer(text):
        old, before, after = match.group(), text[:match.start()], text[match.end():]
        if re.search(r"\bone in $|half $", before) or re.match(r" in a row| [A-Z]| newspaper| life", after):
            continue
        if old.lower() in ("a year", "a month", "a week") and not PER_TIME.search(before):
            continue
        for new in FREQUENCY[old.lower()]:
            yield f"frequency {old.lower()}", put(text, match.start(), match.end(), like(old, new))
    for match in re.finditer(r"(?:US)?([$€£])(?=\d)", text):
        for new in {"$": ["€", "£"], "€": ["$", "£"], "£": ["$", "€"]}[match.group(1)]:
            yield "currency", put(text, match.start(), match.end(), new)
    for match in re.finditer(r"°[CF]\b", text):
        yield "temperature", put(text, match.start(), match.end(), "°F" if match.group() == "°C" else "°C")
    for match in re.finditer(r"(?<=\d) ?(" + any_of(SYMBOLS) + r")\b(?= [a-z(]|[,.)])", text):
        yield "symbol", put(text, match.start(1), match.end(1), SYMBOLS[match.group(1)])


SURNAMES = ("scientist", "engineer", "economist", "commander", "khan")
DATE_BEFORE = re.compile(r"(?:\b(?:in|of|on|since|by|until|from|and|to|between|early|late)|\d|February|,) $")


def stands_alone(family: str, name: str, before: str, after: str) -> bool:
    """Whether a name found in a text is used as that name, not as a part of another."""
    if NAME_BEFORE.search(before) or NAME_AFTER.match(after):
        return False
    if name in ("May", "March", "August"):
        return re.match(r",? \d|\.|,| and ", after) is not None and DATE_BEFORE.search(before) is not None
    if name == "Christian":
        return (family == "given") == (re.match(" [A-Z]", after) is not None)
    if family == "given":
        return (re.match(r" (?:[A-Z]\. )?[A-Z][a-z]+", after) is not None
                and not re.search(r"(?:\b[A-Z][\w.’']+|University of) $", before))
    if family == "dynasty":
        return re.match(r" (?:dynasty|rulers?|court|emperors?|government|era|period)", after) is not None
    if family == "primary":
        return re.search(r"\b[Tt]he (?:outgoing |incoming )?$", before) is not None
    if family == "demonym":
        return not re.search(r"(?:Native|North|South|Latin|African) $", before)
    if family == "country":
        return not re.match(r" [A-Z]", after) or re.search(r", $", before) is not None
    return not (family in (*SURNAMES, "faithful") and re.match(r" [A-Z]", after))


def names_in(text: str) -> list[tuple[str, int, int, str]]:
    """The known names of a text that stand alone: family, start, end, name."""
    return [(match.lastgroup, match.start(), match.end(), match.group()) for match in NAME.finditer(text)
            if stands_alone(match.lastgroup, match.group(), text[:match.start()], text[match.end():])]


def akin(left: str, right: str) -> bool:
    """Whether two names may stand for the same thing."""
    words = {word[:5].lower() for word in re.findall(r"\w{3,}", left)}
    return (any(left in alias and right in alias for alias in ALIASES)
            or bool(words & {word[:5].lower() for word in re.findall(r"\w{3,}", right)}))


FEW_MEMBERS = ("primary", "level", "network", "part", "system", "store", "alliance", "broadcaster", "climate")
TITLES = r"Emperor|King|Pope|Saint|General|Professor|Sir|Mr\.?|Dr\."
PLACE_ENDING = r"\b([A-Z][a-z]{2,}?)(ham|ton|burg|ville|bridge|ford|shire|field|port)\b"


def name_rule(text: str, sources: str, random_order: random.Random) -> Found:
    for family, start, end, name in names_in(text):
        near = text if family in FEW_MEMBERS else sources
        others = [other for other in FAMILIES[family] if other not in near and not akin(name, other)]
        if text.count(name) == 1:
            if re.search(r"[A-Z]\w+ $", text[:start]):
                others = [other for other in others if " " not in other]
            for other in random_order.sample(others, min(2, len(others))):
                yield f"name {family}", put(text, start, end, other)
    for match in re.finditer(r"\b[A-Z][a-z]+ ([A-Z][a-z]{3,}|[A-Z]\.) (?=[A-Z][a-z]{3,}\b(?! [A-Z]))", text):
        names = ["B.", "K.", "T."] if "." in match.group(1) else ["Martin", "Ludwig", "Stewart", "Theodore"]
        new = random_order.choice(names)
        if match.group().split()[0] in GIVEN and new != match.group(1):
            yield "name in the middle", put(text, match.start(1), match.end(1), new)
    for match in re.finditer(rf"\b(?:{TITLES}) ([A-Z][a-zé]{{3,}})\b(?! of| [A-Z])", text):
        if match.group(1) not in PROPER | {"Temple", "Assembly", "Advocate"}:
            new = random_order.choice(["Stefan", "Leopold", "Konrad", "Albrecht"])
            yield "name after a title", put(text, match.start(1), match.end(1), new)
    for match in re.finditer(PLACE_ENDING, text):
        new = random_order.choice([ending for ending in ("ham", "burg", "field", "bridge") if ending != match.group(2)])
        if (match.start() and match.group() not in PROPER and text.count(match.group()) == 1
                and not re.search(r"(?:[A-Z]\w+|-) $", text[:match.start()])
                and not re.match(r" [A-Z]|-", text[match.end():])):
            yield "name with another ending", put(text, match.start(2), match.end(2), new)


AUXILIARY = re.compile(r"(?<= )(?:is|are|was|were|can|could|must|should|will|would|has|have|had|may)(?= [a-z])")
NOT_AFTER = re.compile(
    r" (?:not|never|no|nothing|nobody|none|neither|only|always|now|still|often|sometimes|usually|also|generally|thus|"
    r"therefore|then|to|rather|both|either|all|already|however|perhaps|even|first|currently|probably|almost|nearly|"
    r"some|"
    r"any|many|few|little|it|he|she|they|there|the case|instead|typically|normally|further|later)\b")
OPEN_LATE = re.compile(r" (?:a|an|the|to|no|in|on|at|for|of|its|his|their|her|more|less|very|about|as|over|under|much|"
                       r"two|three|four|five|six|several|many)\b| \w*\d")
NO_NEGATION = re.compile(r"\b(?:some|only|few|little|many|any|several|it|how|what|whether|as|than|most|if|there|so|"
                         r"either|"
                         r"nor)\b")
PARTICIPLE = re.compile(r" (?:been|\w+ed|become|made|taken|given|found|grown|begun|led|won|lost|shown|seen|come|gone|"
                        r"written|held|built|run|had)\b")
NEGATED = re.compile(r"\b(?:not|never|no|nobody|none|neither|nor|without|cannot|hardly|rarely|seldom|nothing)\b|"
                     r"n['’]t\b",
                     re.I)
POLAR = re.compile(r"\b(?:any|but|either|nor|yet|until|unless|anything|at all)\b")
NOT_IDIOM = re.compile(r" (?:only|just|merely|until|least|simply|necessarily|all|every|always|solely|yet|even|many|any|"
                       r"surprisingly|either|ever|because|exclusively|so much)\b| (?:(?:a|to|in|for|by|on|on the) )?"
                       r"\w+,? but\b")
OPPOSITES = pairs(
    "possible/impossible likely/unlikely able/unable important/unimportant necessary/unnecessary known/unknown",
    "successful/unsuccessful common/uncommon popular/unpopular legal/illegal regular/irregular complete/incomplete",
    "direct/indirect directly/indirectly dependent/independent official/unofficial usual/unusual similar/dissimilar",
    "equal/unequal stable/unstable encrypted/unencrypted expected/unexpected limited/unlimited related/unrelated",
    "armed/unarmed visible/invisible sufficient/insufficient formal/informal finite/infinite healthy/unhealthy",
    "welcome/unwelcome certain/uncertain clear/unclear fair/unfair active/inactive willing/unwilling aware/unaware",
    "effective/ineffective lawful/unlawful valid/invalid reversible/irreversible capable/incapable violent/nonviolent",
    "constitutional/unconstitutional successfully/unsuccessfully significant/insignificant reasonable/unreasonable",
    "mature/immature adequate/inadequate efficient/inefficient conscious/unconscious safe/unsafe accurate/inaccurate",
    "correct/incorrect natural/unnatural")
OPPOSITE = re.compile(r"(?<![\w-])" + any_of(OPPOSITES) + r"(?![\w-])")
OPPOSITE_BEFORE = re.compile(
    r"\b(?:as|well|better|also|best|so|not|un|in|if|were|soon|more|most|how|then|widely|commonly|wherever|where|"
    r"whenever|"
    r"other|formerly|otherwise|often|now|closely|become|became|lesser|less|to|only one) $")
FORM_NOT = {"can": "cannot"}
SHORT_NOT = {"can": "can't", "will": "won't", "is": "isn't", "are": "aren't", "was": "wasn't", "were": "weren't",
             "has": "hasn't", "have": "haven't"}
MAIN_SUBJECT = (r"^((?:(?:In|On|By) [^,]{3,25}, )?(?:(?:The|A|An|Each|Every|Its|This|These|His) )?(?:[\w'’-]+ ){1,4})")
NO_MAIN_SUBJECT = re.compile(
    r"\b(?:who|which|that|and|of|is|are|was|were|in|to|not|by|from|no|only|some|also|often|when|if|has|have|had|be|"
    r"been|"
    r"nobody|then|later|never|most|many|first|we|you|they)\b|^(?:no|few|most|many|one|both|[a-z]+ly|[a-z]+ed) ", re.I)


def auxiliary_negations(text: str) -> Found:
    for match in AUXILIARY.finditer(text):
        before, after, verb = text[:match.start()], text[match.end():], match.group()
        clause = re.split(r"[,;:(]", before)[-1]
        if (NOT_AFTER.match(after) or NEGATED.search(clause) or NO_NEGATION.search(clause.lower())
                or re.search(r"\bnot only|but also\b", text)):
            continue
        if verb in ("has", "have", "had"):
            if not PARTICIPLE.match(after):
                continue
        elif verb not in ("is", "are", "was", "were") and (OPEN_LATE.match(after) or re.match(" do so", after)):
            continue
        if verb == "may" and re.match(r" (?:have|be able|be)\b", after):
            continue
        yield f"not after {verb}", put(text, match.start(), match.end(), FORM_NOT.get(verb, verb + " not"))
        if verb in SHORT_NOT:
            yield "n't", put(text, match.start(), match.end(), SHORT_NOT[verb])
        if verb not in ("could", "would", "had"):
            yield "never", put(text, match.start(), match.end(), verb + " never")
        if verb in ("is", "are", "can") and "no longer" not in text:
            yield "no longer", put(text, match.start(), match.end(), verb + " no longer")


def verb_negations(text: str) -> Found:
    for table, helper, follows in ((BASE_OF_PRESENT, "does", "in|on|from|as|with|over|at|for|by hand|[A-Z0-9]"),
                                   (BASE_OF_PAST, "did", "[A-Z0-9]")):
        match = re.match(MAIN_SUBJECT + rf"({any_of(table)}) (?=(?:{DETERMINER}|{follows})\b)", text)
        if match and not NO_MAIN_SUBJECT.search(match.group(1)):
            yield f"{helper} not", put(text, *match.span(2), f"{helper} not {table[match.group(2)]}")
            if helper == "does":
                yield "never with a verb", put(text, *match.span(2), "never " + match.group(2))
        for match in re.finditer(rf"\b(?:He|She|It|which|who|They) ({any_of(table)}) "
                                 r"(?!to|not|and|or|no|any|nothing|only)", text):
            if helper == "did" or not match.group().startswith("They"):
                negative = f"{helper} not {table[match.group(1)]}"
                yield f"{helper} not after a pronoun", put(text, *match.span(1), negative)


def negations_removed(text: str) -> Found:
    for match in re.finditer(r"\b(is|are|was|were|has|have|had|should|must|could|would|will|may) not(?= [a-z])", text):
        rest = text[match.end():]
        if not NOT_IDIOM.match(rest) and not POLAR.search(rest[:60]):
            yield "not removed", put(text, match.start(), match.end(), match.group(1))
    for match in re.finditer(r"\b(cannot|can't)(?= [a-z])", text):
        rest = text[match.end():]
        if not NOT_IDIOM.match(rest) and not POLAR.search(rest[:60]) and not re.match(" afford", rest):
            yield "cannot to can", put(text, match.start(), match.end(), "can")
    for match in re.finditer(r"\b(do|does|did)(?: not|n't) ([a-z]+)\b", text):
        verb = match.group(2)
        if verb in [*ALL_VERBS, "have"] and not POLAR.search(text[match.end():][:70]):
            new = {"do": verb, "does": present(verb), "did": past(verb)}[match.group(1)]
            yield "do not removed", put(text, match.start(), match.end(), new)
    for match in re.finditer(r"\bnever(?= [a-z])", text):
        rest, before = text[match.end():], text[:match.start()]
        if re.match(r" (?:later|before|again)\b", rest) or re.search(r"\b(?:and|but|has|have|had) $", before):
            continue
        yield "never to always", put(text, match.start(), match.end(), "always")
        if re.search(r"\b(?:is|are|was|were|must|may|can|will) $", before):
            yield "never removed", text[:match.start()] + text[match.end() + 1:]
    match = re.match(r"No (?!longer|more|less|one|fewer|sooner|matter|other)([a-z-]+)", text)
    if match and not POLAR.search(text) and not re.search(r"\b(?:other|ever)\b", text):
        article = "Some" if match.group(1).endswith("s") else "An" if begins_with_vowel(match.group(1)) else "A"
        yield "no to a", article + text[2:]
    for match in re.finditer(r"\b(has|had) no (?=effect|access|meaning|other)", text):
        article = "an" if begins_with_vowel(text[match.end():]) else "a"
        yield "has no", put(text, match.start(), match.end(), f"{match.group(1)} {article} ")
    match = re.match(r"(?:Nobody|Nothing)\b(?! else)", text)
    if match and not re.search(r"\b(?:until|before|any)\b", text):
        everybody = {"Nobody": "Everybody", "Nothing": "Everything"}[match.group()]
        yield "nobody to everybody", everybody + text[match.end():]
    for match in re.finditer(r"\bno longer\b", text):
        yield "no longer to still", put(text, match.start(), match.end(), "still")
    for match in re.finditer(r"\bwithout(?= (?:a|an|the|its|his|their|[a-z]+s?)\b)"
                             r"(?! [a-z]*ing| any| first| further| so much| doing)", text):
        yield "without to with", put(text, match.start(), match.end(), "with")


WITH_BEFORE = re.compile(r"\b(?:built|equipped|made|armed|replaced|works?|operates?|operated|runs?|performed|completed|"
                         r"deployed|stored|filed|found|fitted|accepted|carried out|held) $")


def negation_rule(text: str) -> Found:
    yield from auxiliary_negations(text)
    yield from verb_negations(text)
    yield from negations_removed(text)
    for match in re.finditer(r"\bwith(?= (?:a|an|the|its|his|their) [a-z]+)", text):
        if WITH_BEFORE.search(text[:match.start()]):
            yield "with to without", put(text, match.start(), match.end(), "without")
    for match in OPPOSITE.finditer(text):
        before, after, word = text[:match.start()], text[match.end():], match.group()
        predicate = re.search(r"\b(?:is|are|was|were|is largely) $", before) is not None
        if (OPPOSITE_BEFORE.search(before) or "hether" in before or NEGATED.search(before[-15:])
                or re.match(r" (?:as|that many)\b", after)
                or word in ("able", "unable") and not re.match(" to", after)
                or word in ("known", "unknown", "certain", "uncertain") and not predicate
                or word in ("possible", "impossible") and not predicate and re.match(r"[.,]", after)
                or word in ("expected", "related", "limited") and re.match(r" (?:to|by)\b", after)
                or word == "common" and re.match(r" (?:[A-Z]|law)", after)
                or word == "independent" and re.match(r" of\b", after)):
            continue
        yield f"opposite of {word}", put(text, match.start(), match.end(), OPPOSITES[word])


DIRECTIONS = pairs(
    "increase/decrease increases/decreases increased/decreased increasing/decreasing before/after north/south "
    "east/west",
    "northern/southern eastern/western northeast/southwest northwest/southeast northeastern/southwestern above/below",
    "upper/lower highest/lowest largest/smallest maximum/minimum rose/fell rise/fall rises/falls rising/falling",
    "begins/ends began/ended starts/stops beginning/end older/younger oldest/youngest raised/lowered larger/smaller",
    "exports/imports exported/imported inside/outside upstream/downstream external/internal growth/decline",
    "longest/shortest strong/weak stronger/weaker faster/slower fast/slow rapid/slow wider/narrower deep/shallow",
    "majority/minority positive/negative easy/difficult easier/harder better/worse best/worst victory/defeat won/lost",
    "supported/opposed supports/opposes accepted/rejected accelerates/decelerates public/private foreign/domestic",
    "wealthier/poorer richest/poorest greater/smaller greatest/smallest ancestors/descendants entered/left grew/shrank",
    "earlier/later earliest/latest nearer/farther emptier/fuller success/failure strengthened/weakened higher/lower",
    "lengthened/shortened improved/worsened gained/lost cause/prevent causes/prevents caused/prevented high/low",
    "followed_by/preceded_by incoming/outgoing shorten/lengthen bigger/smaller frequently/rarely opened/closed",
    "front/back attached/detached expanded/contracted forwards/backwards forward/backward top/bottom old/new",
    "North/South East/West Northern/Southern Eastern/Western Upper/Lower advantage/disadvantage large/small",
    "advantages/disadvantages longer/shorter heavy/light encouraged/discouraged added/removed")
DIRECTION = re.compile(r"(?<![\w/-])" + any_of(DIRECTIONS) + r"(?![\w/-])")
# Text that must not follow a word of the table above: it makes the word a part of a phrase that has no opposite.
DIRECTION_AFTER = {
    "before": r" (?:long|and after|him|her|them|it|being)\b|\.", "after": r" (?:all|which|him|her|them)\b|[.,]",
    "began": r" to\b|,", "begins": r" to\b", "ended": r" up", "starts": r" to\b",
    "rise": r" to\b", "increase": r" or\b",
    "fell": r" (?:under|within|into|back|in love|out|to|on)\b", "falls": r" (?:more|under|within|into|back|on)\b",
    "fall": r" (?:under|within|into|back|on|of)\b", "high": r"[.,]| (?:school|schools|court|degree|seas|resolution|"
                                                            r"in|on|"
    r"at|and|or|to|for|with|above|along|level|levels)\b", "low": r"[.,]| (?:countries|in|on|at|and|or|to|for|with)\b",
    "light": r" (?:\w+ ){0,2}(?:of|by|from|rail|and|at|is|in)\b|[.,]", "lost": r" (?:to|in|its|by)\b",
    "better": r" (?:known|than|to|understand|off|be)\b", "best": r" (?:known|of|way)\b", "old": r" (?:and|or)\b|[.,]",
    "new": r" (?:\w+ )?(?:and|or|to)\b|[.,]", "back": r" (?!of)", "front": r" (?!of)", "end": r" (?:up|date|to)\b",
    "beginning": r" (?!of)", "top": r" (?!of)", "bottom": r" (?!of)", "lower": r" (?:the|it)\b", "deep": r" in\b",
    "minimum": r" (?:wage|\w+ of)\b", "fast": r" (?:food|enough)\b", "slow": r" down\b", "cause": r" (?:of|for|a)\b",
    "large": r" (?:scale|numbers?|part|extent|and|amounts?|quantities)\b", "small": r" (?:numbers?|and|amount)\b",
    "North": r" (?:America|American|Africa|Carolina|Korea|Sea|Atlantic)\b", "East": r" (?:Indies|India|Asia)\b",
    "South": r" (?:Wales|Carolina|Africa|Australia|America|Korea)\b", "West": r" (?:Indies|Side|Bank|Virginia)\b",
    "Western": r" (?:Union|Front)\b", "public": r" (?:\w+ )?(?:and|opinion|domain|holidays?|health|sphere)\b|[.,]",
    "private": r" (?:\w+ )?(?:and|half|phones)\b|[.,]", "domestic": r" product\b",
    "higher": r" (?:learning|education)\b",
    "foreign": r" (?:policy|affairs|minister|exchange)\b",
    "opened": r" (?:up|out)\b", "closed": r" by\b", "positive": r" and\b", "negative": r" and\b",
    "supported": r" and\b",
    "won": r" (?:the )?(?:Nobel|over)\b", "entered": r" (?:into|by)\b", "later": r" than\b|[.,]| and",
    "earlier": r" than\b|[.,]", "greater": r" (?:London|Los)\b", "upper": r" (?:hand|class|and)\b", "failure": r" to\b",
    "success": r" (?:in|of)\b", "inside": r" of\b", "rapid": r" transit\b",
    "decline": r" (?!of|in)", "outside": r" of\b"}
DIRECTION_BEFORE = re.compile(
    r"(?:\b(?:brand|in the|named|looks?|looked|looking|and|or|both|soon|shortly|no|as|so|any|ever|long|day|year|never|"
    r"often|far|"
    r"the day|every|New|took|at|well|much|one|even|on|just|more|Far|Middle|not|thereafter|/|[A-Z]\w*) |-)$")
FREE_DIRECTIONS = ("higher", "lower", "largest", "highest", "above", "below", "north", "south", "east", "west",
                   "followed by", "caused", "rejected", "accepted", "before")
MONEY_OR_NUMBER = r"(?:[$€£]?\d|" + any_of(NUMBER_WORDS) + r"\b)"
MONTH_WORD = any_of(MONTHS)
BOUNDS = [
    (r"\bon (the same day)\b", ["the next day", "the day before"]), (r"\bthe (following) day\b", ["same", "previous"]),
    (r"\bthe (next) day\b", ["same", "previous"]), (r"\b(?:in|the|each|every) (summer)\b", ["winter"]),
    (r"\b(?:in|the|each|every) (winter)\b", ["summer"]),
    (rf"\b([Mm]ore) than (?={MONEY_OR_NUMBER}|half|twice|a )", ["less"]),
    (rf"\b(less|fewer) than (?={MONEY_OR_NUMBER}|half|a )", ["more"]),
    (rf"\b(at least) (?={MONEY_OR_NUMBER}|one)", ["at most", "fewer than"]),
    (rf"\b(at most) (?={MONEY_OR_NUMBER})", ["at least", "more than"]),
    (r"\b(over|exceeding) (?=[$€£]?\d|half)", ["under", "below"]),
    (rf"\b(up to) (?={MONEY_OR_NUMBER})", ["at least", "more than"]),
    (rf"\b(within) (?=(?:{ANY_NUMBER}|one) (?:working )?(?:second|minute|hour|day|week|month|year))",
     ["only after", "no sooner than"]),
    (rf"\b(under) (?={ANY_NUMBER} )", ["over", "more than"]),
    (r"\b(nearly|almost) (?=[$€£]?\d|half|two)", ["well over"]),
    (r"\b([Mm]ore) (?=than (?!just|one)[a-z]|(?:likely|important|common|serious|often|efficient|powerful|expensive|"
     r"frequent|complex|effective|successful)\b)", ["less"]),
    (r"\b(?:the|its|their) (most) (?=[a-z]{5,}\b(?! of))", ["least"]),
    (r"\b(?:the|The) (first) (?=time|[a-z]+ (?:to|of|in|that)\b)", ["last"]),
    (r"\b(?:the|The) (last) (?=time|[a-z]+ (?:to|of|in|that)\b)", ["first"]),
    (rf"\b(early) (?=\d|in the|{MONTH_WORD})", ["late"]), (rf"\b(late) (?=\d|in the|{MONTH_WORD})", ["early"]),
    (r"\b(left)(?=-wing|-hand)", ["right"]), (r"\b(right)(?=-wing|-hand)", ["left"]),
    (rf"(?<!lasted )\b(until) (?=\d{{4}}|{MONTH_WORD})", ["after"]),
    (rf"\b(no more) than (?={ANY_NUMBER})", ["no less"]),
    (rf"\b(never later) than (?={ANY_NUMBER})", ["never earlier"]),
    (r"\b(about|approximately|roughly) (?=\d|two|three)", ["well under", "far more than"]),
    (r"\b(drops below|falls below)", ["climbs above"]), (r"\b(stays above)", ["stays below"]),
]
PLACE_AFTER = re.compile(r" (?:[A-Z]\w+ )?(?:Side|Street|Avenue|House|Hall|Railway|Pacific|Bank)\b")
ENDPOINT = (r"(?:[$€£]?\d[\d,.:]*\d(?: (?:percent|million|billion|UTC))?|[$€£]?\d|" + any_of(MONTHS + WEEKDAYS)
            + r"s?|\d+ "
            + MONTH_WORD + r"|(?:the )?[A-Z][a-z]+(?: [A-Z][a-z]+)?)")
NO_JOURNEY = re.compile(r"(?:range[sd]?|extend(?:s|ed|ing)?|vary|varying|anywhere|named|year) $")


def direction_rule(text: str) -> Found:
    for match in DIRECTION.finditer(text):
        word, before, after = match.group(), text[:match.start()], text[match.end():]
        if (word in DIRECTION_AFTER and re.match(DIRECTION_AFTER[word], after)
                or DIRECTION_BEFORE.search(before) and word not in FREE_DIRECTIONS
                or word in ("before", "after") and re.search(r"\b(?:and|or|day|week|is|named) $", before)
                or word in ("cause", "prevent") and not re.search(r"\b(?:to|can|may|will|would|could|must) $", before)
                or word == "left" and (re.search(r"\b(?:is|are|was|were|had|has) $", before)
                                       or not re.match(r" (?:the|a|[A-Z])", after))
                or word in ("lower", "higher") and re.search(r"\bto $", before)
                or re.search(r"\b" + re.escape(DIRECTIONS[word]) + r"\b", text)):
            continue  # if the sentence contains both words, the exchange may be true or make no sense
        if word[0].isupper() and PLACE_AFTER.match(after):
            continue
        name = f"direction {min(word, DIRECTIONS[word]).lower()}"
        yield name, put(text, match.start(), match.end(), DIRECTIONS[word])
    for pattern, news in BOUNDS:
        for match in re.finditer(pattern, text):
            old = match.group(1)
            if "or less" in text or re.search(r"\b(?:no|not|nothing|any|many|one|once|and|never) $",
                                              text[:match.start(1)]):
                continue
            for new in news:
                yield f"bound {old.lower()}", put(text, *match.span(1), like(old, new))
    for match in re.finditer(rf"\bfrom ({ENDPOINT}) (?:in |down |up )?to ({ENDPOINT})(?![\w-])(?! and [A-Z])", text):
        if match.group(1) != match.group(2) and not NO_JOURNEY.search(text[:match.start()]):
            swapped = match.group(2) + text[match.end(1):match.start(2)] + match.group(1)
            yield "from and to", text[:match.start(1)] + swapped + text[match.end(2):]


# Patterns and the texts that replace them. {} stands for the first group of the pattern.
MODAL = [
    (r"\bmust not\b(?! only)", ["need not", "may"]), (r"\b(?:cannot|may not|should not)\b(?! afford)", ["need not"]),
    (r"\bmust(?! (?:not|have|be (?:a|in))\b)", ["may", "should", "need not", "must not", "can"]),
    (r"\bshould(?! (?:not|have)\b)", ["must", "need not", "may", "should not"]),
    (r"\bmay(?! (?:not|have|or|well|need)\b)(?= (?:only )?[a-z])", ["must", "may not", "will"]),
    (r"\bmight(?! (?:not|have)\b)", ["will"]), (r"\bcan(?! (?:not|only|also|no)\b)(?= [a-z])", ["must"]),
    (r"\bcould(?! (?:not|have|only|no|do)\b)", ["would certainly"]),
    (r"\bwill(?! (?:not|have)\b)(?= [a-z])(?! of| to)", ["may"]), (r"\bprobably\b", ["certainly", "certainly not"]),
    (r"\bpossibly\b", ["definitely"]), (r"\b[Pp]erhaps\b", ["certainly"]),
    (r"\b(is|are|was|were) allowed to\b", ["{} required to", "{} forbidden to"]),
    (r"\b(is|are|was|were) required to\b", ["{} allowed to", "{} forbidden to"]),
    (r"(?<!not )\b(?:has|have) to\b(?! do\b)", ["may", "need not"]),
    (r"\bhad to\b(?! (?:do|be|have)\b)", ["chose to", "refused to"]),
    (r"\b(is|are|was|were) (?:thought|believed|said|considered) to\b", ["{} known to"]),
    (r"\b(is|are|was|were) (?:thought|believed) that\b", ["{} certain that"]), (r"\bsuggested that\b", ["proved that"]),
    (r"\bsuggests that\b", ["proves that"]), (r"\bsuggest that\b", ["prove that"]),
    (r"\b(?:tried|attempted) to\b", ["managed to"]),
    (r"(?<!, )(?<!was )(?<!were )(?<!is )(?<!are )\bplanned to\b", ["refused to"]),
    (r"\bmandatory\b", ["optional", "voluntary"]), (r"\bcompulsory\b", ["optional"]), (r"\bvoluntary\b", ["mandatory"]),
    (r"\boptional\b", ["mandatory"]), (r"\b(is|are) recommended\b", ["{} mandatory"]),
    (r"\b(is|are) permitted to\b", ["{} obliged to"]), (r"(?<!not )\bneeds to\b", ["may"]),
    (r"\bneeds the (approval|consent|signature|agreement)\b", ["may have the {}", "does not need the {}"]),
    (r"\bneed the (approval|agreement|consent)\b", ["may have the {}"]), (r"\bdo not need to\b", ["have to"]),
    (r"\b(is|are) expected to\b", ["{} forced to", "{} free to"]), (r"\b(is|are) likely to\b", ["{} certain to"]),
    (r"\b(?:appears|seems) to be\b", ["is certainly"]), (r"\b(?:appear|seem) to be\b", ["are certainly"]),
    (r"\b(is|are) (?:necessary|required)(?! to)\b", ["{} optional", "{} forbidden"]), (r"\brequires\b", ["allows"]),
    (r"\brequire\b", ["allow"]), (r"\b(is|are) open to\b", ["{} mandatory for"]),
    (r"\b(is|are) (?:allowed|welcome)\b(?! to)", ["{} mandatory"]),
    (r"\b[Pp]lease do not\b", ["you may"]), (r"\bwanted to\b", ["had to"]),
    (r"^((?:The |An? |Every )?(?:[a-zA-Z][\w-]+ ){1,4}?)(?:are|is) (?=(?:made|created|told|reported|answered|reviewed|"
     r"deleted|closed|removed|upgraded|scanned|restarted|deployed|published|handed|replaced|rotated|renewed|stored|"
     r"recorded|kept|compared|disabled|phoned|signed|silenced|suspended|updated)\b)", ["{}may be "]),
]
NO_DUTY = re.compile(r"\b(?:No|no|Nobody|only|Only|that|as|if|nobody)\b")


def modality_rule(text: str) -> Found:
    for pattern, news in MODAL:
        for match in re.finditer(pattern, text):
            before, old = text[:match.start()], match.group()
            if ("hether" in before or old in ("can", "may", "might", "could") and NO_DUTY.search(before)
                    or old in ("should", "must", "will") and re.search(r"\b(?:if|No|Nobody|no)\b", before)
                    or pattern.startswith("^") and re.search(r"\b(?:if|No|Nobody|never|who|that|and|or|It)\b", old)
                    or re.search(r"\b(?:as|much|who|what|how|where|would|will|may|could) $", before)):
                continue
            for new in news:
                if re.search(r"optional|voluntary|mandatory", new) and NEGATED.search(before):
                    continue
                new = new.format(match.group(1)) if match.groups() else new
                yield f"modality {pattern[:25]} {new[-12:]}", put(text, match.start(), match.end(), like(old, new))


PLURAL = r"(?!(?:as|was|is|this|has|its|his|previous|famous|various)\b)[a-z-]+(?<!ou)(?<!s)s\b"
# Patterns and the texts that replace them. A replacement gets a capital if the old word had one.
QUANTITY = [
    (r"\ball (?=(?:of )?(?:the|these|their|its|other|those|his|our)\b)(?!the (?:time|same|way))",
     ["some of ", "none of ", "half of "]),
    (rf"\ball (?=(?:(?!of|the|these|their|its|other|those|his|our|but|over|{any_of(NUMBER_WORDS)})"
     rf"[a-z-]+ )?{PLURAL})", ["some ", "few ", "most "]),
    (rf"\bsome (?=(?:(?!other|of)[a-z-]+ )?{PLURAL})(?!times|decades|years|cases|extent)", ["all ", "no "]),
    (rf"\bmost (?={PLURAL})", ["all ", "few "]), (r"\bmost of (?=the|its|these|their)", ["all of ", "hardly any of "]),
    (r"\bsome of (?=the|its|these|their)", ["all of ", "none of "]),
    (rf"\bmany (?=(?:(?!other|of|such|more)[a-z-]+ )?{PLURAL})(?!times|ways|years)", ["all ", "few ", "hardly any "]),
    (rf"\bseveral (?=(?:[a-z-]+ )?{PLURAL})(?!times|years|days)", ["all ", "hundreds of ", "no "]),
    (rf"(?<!\ba )\bfew (?={PLURAL})", ["many "]), (r"\bthe majority of\b", ["all of", "a small part of"]),
    (r"\bevery (?!day|other|week|month|year|quarter|half|few|hour|minute|time|hundred|single|two|part|\d)(?=[a-z]+\b)",
     ["almost every ", "hardly any "]),
    (r"\beach (?!other|of|day|week|month|year|time|side|one|step|stroke|morning)(?=[a-z]+\b)", ["hardly any "]),
    (r"\balways (?=[a-z])", ["sometimes ", "rarely ", "usually "]),
    (r"\b(?:usually|normally|generally|typically) (?=[a-z])(?!speaking)", ["always ", "rarely "]),
    (r"\boften (?=[a-z])", ["always ", "rarely ", "never "]), (r"\bsometimes (?=[a-z])", ["always ", "never "]),
    (r"\b(?:mainly|mostly|primarily|largely) (?=[a-z])", ["exclusively "]), (r"\balmost all\b", ["very few"]),
    (r"\b(?:partly|partially) (?=[a-z])", ["entirely "]), (r"\b(?:completely|entirely|fully) (?=[a-z])", ["partly "]),
    (r"\b(?:rarely|seldom) (?=[a-z])", ["often ", "usually "]),
    (rf"\ba (?:number|variety|range) of (?={PLURAL})", ["all "]),
    (r"\bonly (?=a few|one|two|three)", ["more than "]), (r"\bfrequently (?=[a-z])", ["always ", "rarely "]),
    (r"\ba (?:small|minor) (?=part|number|fraction|group|proportion)", ["a large "]),
    (r"\ba (?:large|significant|great) (?=part|number|fraction|group|proportion)", ["a small "]),
    (r"(?:(?<=to )|(?<=for )|(?<=about )|(?<=of ))half of\b", ["all of"]), (r"\bvery few\b", ["very many"]),
    (r"\beverything (?=[a-z])(?!else)", ["hardly anything "]), (r"\banyone (?=who|in|may|can)", ["hardly anyone "]),
    (rf"\bboth (?=(?:the )?{PLURAL})(?![^.]* and )", ["neither of the "]), (r"\ba whole (?=[a-z]+)", ["half a "]),
    (r"\bno (?=(?:pages?|routes|exceptions|effect|changes?|partition|position|customer)\b)", ["some "]),
    (r"\btwice as (?=long|many|much|fast|large)", ["ten times as "]), (r"\bthe whole (?=[a-z]+)", ["half the "]),
    (r"\b(?:about|approximately) (?=\d|two|three|four|six)", ["exactly "]), (r"\banyone (?=who)", ["someone "]),
]
NO_QUANTITY = re.compile(r"\b(?:not|at|after|as|so|how|nearly|almost|too|the|these|those|their|its|his|first|very|"
                         r"more|above|"
                         r"they|are|were|a) $|-$", re.I)
FREE_QUANTITIES = re.compile(r"(?:always|usually|normally|generally|typically|often|sometimes|mainly|mostly|primarily|"
                             r"largely|partly|partially|completely|entirely|fully|rarely|frequently|about|only)\b",
                             re.I)


def quantifier_rule(text: str) -> Found:
    for pattern, news in QUANTITY:
        for match in re.finditer(pattern, text, re.I):
            before, old = text[:match.start()], match.group()
            if NEGATED.search(before[-30:]) or NO_QUANTITY.search(before) and not FREE_QUANTITIES.match(old) \
                    or re.search(r"\bthere (?:are|is|were|was) $|\w$", before) or before and old[0].isupper():
                continue
            for new in news:
                if re.match(r"no|hardly|rarely|never", new) and (
                        re.search(r"\b(?:but|nor|except|no|not)\b", text)
                        or re.search(r"\b(?:each|every|to|and|or|in|for) $", before)):
                    continue
                if new in ("no ", "none of ") and match.start() and not re.search(
                        r"\b(?:has|have|had|with|contains?|caused|received|buys|of) $", before):
                    continue
                if new == "never " and not re.search(
                        r"\b(?:is|are|was|were|can|may|has|have|had|he|it|they) $", before):
                    continue
                if re.match("of ", text[match.end():]) and new.endswith("of "):
                    new = new[:-3]
                yield f"quantifier {old.lower()}", put(text, match.start(), match.end(), like(old, new))


PART_OF_DAY = one_way(
    "at_night/during_the_day,at_noon in_the_morning/in_the_evening,in_the_afternoon in_the_evening/in_the_morning",
    "in_the_afternoon/in_the_morning,at_night before_noon/before_midnight,after_noon at_noon/at_midnight",
    "at_midnight/at_noon at_dawn/at_dusk first_morning/first_evening,first_afternoon",
    "each_morning/each_evening,each_afternoon following_morning/following_afternoon,following_evening,following_night",
    "the_morning_of/the_evening_of,the_afternoon_of day_and_night/during_the_day,only_at_night",
    "nightly_backups/midday_backups,morning_backups nightly_backup/midday_backup,morning_backup",
    "night-time/daytime daytime/night-time afternoon/morning evening/morning morning/evening midnight/noon",
    "overnight/during_the_day night/day dawn/dusk dusk/dawn")
OTHER_HALF = {"am": "pm", "pm": "am", "a.m.": "p.m.", "p.m.": "a.m."}
HALF = r"(am|pm|a\.m\.|p\.m\.)"


def clock_rule(text: str) -> Found:
    for match in re.finditer(rf"\b([012]?\d):([0-5]\d)(?: (UTC))?(?: ?{HALF})?(?![\d:])", text):
        digits, minute, zone, half = match.groups()
        hour, span = int(digits), (match.start(1), match.end(2))
        if not half and not zone and not re.search(r"\b(?:at|from|between|to|and) $", text[:match.start()]):
            continue
        others = [("clock one hour later", hour + 1, minute), ("clock two hours earlier", hour - 2, minute),
                  ("clock minutes", hour, {"00": "30", "30": "00"}.get(minute, "00"))]
        if len(digits) == 2 and int(digits[::-1]) < 24 and digits != digits[::-1]:
            others.append(("clock digits exchanged", int(digits[::-1]), minute))
        if half:
            yield "meridiem", put(text, *match.span(4), OTHER_HALF[half])
        else:
            others.append(("clock half a day later", hour + 12, minute))
            wrong = f"{(hour - 1) % 12 + 1}:{minute} {'am' if hour >= 12 else 'pm'}"
            yield "clock with the wrong meridiem", put(text, *span, wrong)
        for name, other, minutes in others:
            shown = f"{(other - 1) % 12 + 1}" if half else f"{other % 24:02d}"
            yield name, put(text, *span, f"{shown}:{minutes}")
        for new in ("CET", "EST", "local time") if zone else ():
            yield "clock zone", put(text, *match.span(3), new)
    for match in re.finditer(rf"(?<![\w:.$,–-])(\d{{1,2}})(?:\.\d\d)?( ?){HALF}(?![\w])", text):
        hour = int(match.group(1))
        if 1 <= hour <= 12:
            yield "meridiem", put(text, *match.span(3), OTHER_HALF[match.group(3)])
            yield "hour later", put(text, *match.span(1), str(hour % 12 + 1))
            yield "hours earlier", put(text, *match.span(1), str((hour - 3) % 12 + 1))
    for match in re.finditer(r"\b(?:from|between) (\d\d:\d\d) (?:to|and) (\d\d:\d\d)", text):
        exchanged_ends = match.group(2) + text[match.end(1):match.start(2)] + match.group(1)
        yield "clock ends exchanged", text[:match.start(1)] + exchanged_ends + text[match.end(2):]


def time_of_day_rule(text: str) -> Found:
    yield from clock_rule(text)
    for match in re.finditer(r"\b" + any_of(PART_OF_DAY) + r"\b", text, re.I):
        before, after, old = text[:match.start()], text[match.end():], match.group()
        if (old[0].isupper() and match.start() or re.match(r"'s|-| and day| of the| (?:sky|club|school)", after)
                or re.search(r"\b(?:and|or) $|[-,] ?$", before)
                or old in ("night", "dawn", "dusk") and (not re.search(r"\b(?:the|per|each|every|that|by) $", before)
                                                         or re.match(" of", after))):
            continue
        for new in PART_OF_DAY[old.lower()]:
            yield f"part of day {old.lower()}", put(text, match.start(), match.end(), like(old, new))


# Noun phrases, for the exchange of who does what to whom: words without commas, verbs and prepositions but "of".
NO_NOUN = (r"(?i:is|are|was|were|be|been|being|has|have|had|having|do|does|did|can|may|must|will|would|could|should|"
           r"might|"
           r"not|never|and|or|but|if|when|that|which|who|whom|whose|where|while|because|since|in|on|at|by|for|from|"
           r"to|with|"
           r"without|into|onto|over|under|than|as|after|before|until|through|between|during|against|about|also|then|"
           r"so|only|"
           r"it|he|she|they|we|you|him|them|there|here|this|these|those|himself|itself|later|soon|often|usually|out|"
           r"up|off|"
           r"down|both|each|all|how|what|more|most|further|even|yet|no|nobody|nothing|however|her|away|back|well|once|"
           r"twice|together|such|other|another|much|many|among|across|within|along|towards?|near|like|via|per|around|"
           r"almost|"
           r"either|neither|some|any|one|due|except|despite|throughout|aloud|shows?|please|according|though|although|"
           r"former|latter|next)\b")
WORD = r"[A-Za-zÀ-ž][\wÀ-ž’'-]*"
NOUNS = rf"(?!{NO_NOUN}){WORD}(?: (?!{NO_NOUN}){WORD}){{0,3}}"
PHRASE = rf"(?:(?:[Tt]he|[Aa]n?|[Ee]very) )?{NOUNS}(?: of (?:the )?{NOUNS})?"
PHRASE_END = (r"(?=[.;]|, (?:which|who|making|with|in|the|although|while|where|\w+ing)\b(?![^,.]*, and )| (?:in|on|"
              r"at|by|for|from|to|with|into|as|after|before|until|during|against|but|when|while|which|who|because|"
              r"under|"
              r"through|between|since|throughout|over|within|so|if)\b)")
CLAUSE_START = r"(?:^|(?<=, )|(?<=; ))"
TRANSITIVE_PAST = any_of("""
defeated conquered attacked destroyed founded created caused led replaced succeeded supported opposed influenced
followed joined invaded controlled dominated captured killed established built produced helped visited met appointed
ruled left surrounded threatened persuaded invited encouraged criticized criticised inspired taught employed purchased
acquired bought published elected governed reached entered won lost discovered developed introduced adopted rejected
received owned protected preceded served signed sued informed convinced blamed outlawed banned abolished expelled
welcomed divided united surpassed exceeded assisted fought crossed annexed occupied""".split())
TRANSITIVE_PRESENT = """
contain cause produce replace control support follow dominate influence cover cross protect govern attack kill prevent
provide require represent use surround receive feed carry keep join call tell ask brief appoint create select watch
lead host operate describe affect attract generate drive oppose recognise recognize exceed bring serve own approve
read inform outnumber""".split()
PRESENT_FORMS = {present(verb): verb for verb in TRANSITIVE_PRESENT}
PRESENT_FORMS |= {verb: form for form, verb in PRESENT_FORMS.items()}
PASSIVE = (r"( (?:is|are|was|were|has been|have been) (?:(?:also|then|later|often|soon|largely|originally) )?)"
           r"((?!considered)\w+ed|built|led|won|held|given|written|made|run|driven|taught|drawn|overthrown|beaten|"
           r"sent|shown)")
PLURAL_NOUNS = {"people", "men", "women", "police", "children", "media"}
BAD_END = re.compile(r"(?:ing|ly|ed|able|ive|ous)$|^(?:first|last|two|three|four|six|five|today|time|way|place|part|"
                     r"new|old|"
                     r"responsible|necessary|St|Mt|Dr|Fort|\d+)$", re.I)
NUMBER_OF_VERB = {"was": "were", "is": "are", "has": "have"}


def is_plural(phrase: str) -> bool:
    head = phrase.split(" of ")[0].split()
    word = head[-1]
    if word in PEOPLES or word.lower() in PLURAL_NOUNS:
        return True
    if word[0].isupper():
        return head[0].lower() == "the" and word.endswith(("ians", "nes", "ers", "ists"))
    return word.endswith("s") and not re.search(r"(?:ss|us|is|ics|['’]s)$", word)


def exchanged(text: str, first: tuple[int, int], second: tuple[int, int], middle: str, lower_words: set[str]) -> str:
    """The text with two phrases exchanged, `middle` between them, and the capital kept at the front of the sentence."""
    one, two = text[slice(*first)], text[slice(*second)]
    if first[0] == 0:
        one, two = lower_first(one, lower_words), capital(two)
    return text[:first[0]] + two + middle + one + text[second[1]:]


def exchangeable(one: str, two: str) -> bool:
    """Whether both are noun phrases that do not share a noun."""
    parts = [[word for word in phrase.split() if word.lower() not in ("the", "a", "an", "of")] for phrase in (one, two)]
    if not parts[0] or not parts[1] or {word.lower() for word in parts[0]} & {word.lower() for word in parts[1]}:
        return False
    return not any(BAD_END.search(part[-1]) or any(word.endswith("ly") for word in part) or part[0].isdigit()
                   or part[0].lower() in ("his", "her", "its", "their", "our") for part in parts)


def swapped_verbs(text: str, lower_words: set[str]) -> Found:
    for match in re.finditer(rf"{CLAUSE_START}({PHRASE}){PASSIVE} by ({PHRASE}){PHRASE_END}", text):
        one, verb, participle, two = match.groups()
        if exchangeable(one, two):
            number = NUMBER_OF_VERB if is_plural(two) else {plural: single for single, plural in NUMBER_OF_VERB.items()}
            verb = re.sub(r"^ (\w+)", lambda word: " " + number.get(word.group(1), word.group(1)), verb)
            middle = f"{verb}{participle} by "
            yield "swapped passive", exchanged(text, match.span(1), match.span(4), middle, lower_words)
    for match in re.finditer(rf"{CLAUSE_START}({PHRASE}) (?:(also|then|later|soon|finally|eventually) "
                             rf")?({TRANSITIVE_PAST}) "
                             rf"({PHRASE}){PHRASE_END}", text):
        one, adverb, verb, two = match.groups()
        definite = re.match(r"(?:the|every) |[A-Z]", two) or re.match(r"An? ", one) and re.match(r"an? ", two)
        if definite and exchangeable(one, two):
            middle = f" {adverb + ' ' if adverb else ''}{verb} "
            yield "swapped past", exchanged(text, match.span(1), match.span(4), middle, lower_words)
    for match in re.finditer(rf"{CLAUSE_START}({PHRASE}) ({any_of(PRESENT_FORMS)}) ({PHRASE}){PHRASE_END}", text):
        one, verb, two = match.groups()
        if (verb.endswith("s") != is_plural(one) and exchangeable(one, two) and not re.match(r"Do\b", one)
                and (re.match(r"(?:the|a|an|every) |[A-Z]", two) or is_plural(two))):
            if is_plural(two) == verb.endswith("s"):
                verb = PRESENT_FORMS[verb]
            yield "swapped present", exchanged(text, match.span(1), match.span(3), f" {verb} ", lower_words)
    compared = r"( (?:is|are|was|were) (?:\w+ )?(?:(?:more|less) \w+|\w+er) than )"
    for match in re.finditer(rf"{CLAUSE_START}({PHRASE}){compared}({PHRASE})(?=[.,;])", text):
        if exchangeable(match.group(1), match.group(3)) and is_plural(match.group(1)) == is_plural(match.group(3)):
            yield "swapped than", exchanged(text, match.span(1), match.span(3), match.group(2), lower_words)
    for match in re.finditer(rf"\b((?:[Tt]he|[Aa]n?) {NOUNS}|[A-Z]{WORD}) ((?:followed|preceded|replaced|succeeded) "
                             rf"by) "
                             rf"({PHRASE})(?=[.,;])", text):
        if exchangeable(match.group(1), match.group(3)):
            middle = f" {match.group(2)} "
            yield "swapped followed by", exchanged(text, match.span(1), match.span(3), middle, lower_words)


SWAPPED_ROLES = any_of([
    *ROLES, *STORES, "primary", "secondary", "outgoing primary", "incoming primary", "custodian", "author",
    "old value", "new value", "sponsor", "laptop", "phone", "booking service", "consumer", "page", "ticket",
    "runbook", "alert", "owner", "blue one", "grey one", "engineer", "employee", "contractor", "supplier", "job",
    "client", "human", "vault", "fibre", "new version", "sponsor of each " "contractor"])


def swapped_rule(text: str, lower_words: set[str]) -> Found:
    yield from swapped_verbs(text, lower_words)
    for match in re.finditer(r"(?:, |\b)(rather than|instead of|but not) ", text):
        tail = re.match(r"[^.,;:()]+?(?=[.,;]| (?:because|when|if|as|since|which|that|who|and|of)\b)",
                        text[match.end():])
        if not tail or len(tail.group().split()) > 5:
            continue
        before, count = text[:match.start()].rstrip(", ").split(" "), len(tail.group().split())
        for size in (count, count + 1, count - 1):
            one = before[-size:] if 0 < size < len(before) else []
            alike_start = one and (one[0] == tail.group().split()[0]
                                   or size == count == 1 and one[0][-2:] == tail.group()[-2:])
            if alike_start and not re.search(r"[.,;]", " ".join(one)):
                begin = len(" ".join(before[:-size])) + 1
                yield "swapped rather than", (text[:begin] + tail.group() + text[begin + len(" ".join(one)):match.end()]
                                              + " ".join(one) + text[match.end() + len(tail.group()):])
                break
    item = r"([$€£]?[\w.%’'-]+(?: million| billion|%)?)"
    for match in re.finditer(rf"{item} and {item}(?=,? respectively)", text):
        yield "swapped respectively", f"{text[:match.start()]}{match.group(2)} and {match.group(1)}{text[match.end():]}"
    determiner = r"(?:the|an?|each|every|its|our) "
    for match in re.finditer(rf"\b((?:[Tt]he|[Aa]n?|[Ee]ach|every) {SWAPPED_ROLES})\b(?! of)(.*?)\b({determiner}"
                             rf"{SWAPPED_ROLES})\b(?= |[.,;])", text):
        one, between, two = match.groups()
        nouns = [phrase.split(" ", 1)[1].lower() for phrase in (one, two)]
        if not (nouns[0] in nouns[1] or nouns[1] in nouns[0] or len(between) > 60 or re.search(r"\b(?:its|their|"
            r"our)\b", two)
                or re.match(r",? (?:and|or)\b", between) or re.search(r"\b(?:and|or) (?:of )?$", between)
                or re.match(r" (?:latency|engineer)", text[match.end():])):
            yield "swapped roles", exchanged(text, match.span(1), match.span(3), between, lower_words)


@dataclass(frozen=True)
class Value:
    """A value or name in a sentence. Values of one family can be exchanged."""
    family: str
    start: int
    end: int
    text: str


CAPITAL_NOUNS = re.compile(
    r"^(?:The|A|An|In|On|At|It|He|She|They|This|These|Those|As|For|By|From|While|When|After|Before|During|Its|His|"
    r"Her|Their|"
    r"There|Under|With|However|Although|But|And|Or|If|Of|To|No|Not|Some|Most|Many|Each|All|One|Two|Since|Also|Thus|"
    r"Then|Both|"
    r"Court|Treaty|Act|Article|King|Emperor|President|Parliament|Union|States?|Member|Commission|Council|Empire|City|"
    r"Khan|"
    r"University|College|School|Street|River|North|South|East|West|Mr|Mrs|Dr|St|Sir|Lord|Lady|Pope|Queen|General|II|"
    r"III|IV|"
    r"AD|BC|Roman|Church|Black|Old|New|Great|Directives?|Regulations?|Law|Charter|Convention|Judge|Justice|Avenue|"
    r"County|"
    r"Age|Catholic|Protestant|Minister|Members|Chapter|House|Internet|Bills?|UTC|GDP|VPN|TV|API|Earth|Conqueror)$")
DURATION_IN_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1, "day": 24, "week": 168, "month": 730,
                     "year": 8760, "decade": 87600, "centurie": 876000}
VALUE_PATTERNS = [(family, re.compile(pattern)) for family, pattern in (
    ("date with a year", rf"(?<![–-])\b\d{{1,2}} {MONTH_WORD} \d{{4}}\b|\b{MONTH_WORD} \d{{1,2}}, \d{{4}}\b"),
    ("date without a year", rf"(?<![–-])\b\d{{1,2}} {MONTH_WORD}\b|\b{MONTH_WORD} \d{{1,2}}\b(?![–,]? ?\d)"),
    ("month and year", rf"\b{MONTH_WORD} \d{{4}}\b"), ("clock", r"(?<![\w:])\d\d:\d\d(?: UTC)?"),
    ("money", r"(?:US)?[$€£]\d(?:[\d,.]*\d)?(?: (?:million|billion|trillion)\b)?(?!\w)"),
    ("percent", rf"(?<![\w.–:-]){ANY_NUMBER} ?(?:percent|per cent|%)"),
    ("duration", rf"(?<![\w.–:-]){ANY_NUMBER} (?:working )?(?:seconds|minutes|hours|days|weeks|months|years|decades|"
                 rf"centuries)\b"),
    ("length", rf"(?<![\w.–:-]){ANY_NUMBER} (?:km|kilometres|kilometers|miles|metres|meters|m|ft|feet|mi|"
               rf"inches)\b(?!²)"),
    ("year", r"(?:(?<=in )|(?<=since )|(?<=from )|(?<=by )|(?<=until )|(?<=of )|(?<=to )|(?<=and )|(?<=around )|"
             r"(?<=after )|"
     rf"(?<=before )|(?<=between )|(?<=circa )|(?<=\())(?:{YEAR})(?![\w–:-]|,\d|\.\d| (?:[a-z]+ )?(?:people|men|"
     rf"years|students|"
     r"km|miles|metres|million|households))"),
    ("century", r"\b\d{1,2}(?:st|nd|rd|th)(?= centur)"), ("name", ""),
    ("count", rf"(?<![\w.–:,$€£-]){NUMERAL}(?![\w–:%-]|,\d|\.\d| ?(?:percent|million|billion))(?= [a-z]{{4,}}s\b)"),
    ("count word", any_of(NUMBER_WORDS) + r"(?= [a-z]{4,}s\b)"))]
OTHER_NAME = re.compile(r"\b(in|by|from|to|of|with|for|than) (the )?([A-Z][\wÀ-ž]{2,}(?: (?:[A-Z]\. "
                        r")?[A-Z][\wÀ-ž]{2,})*)\b"
                        r"(?=[.,;]|\)| (?:in|on|at|and|or|to|was|is|were|had|has|by|from|for|with|as|who|which|when|"
                        r"that|during|"
                        r"after|before)\b)")
COUNT_BEFORE = re.compile(r"\b(?:has|have|had|of|with|are|were|into|in|least|by|for) $")


def values_in(text: str) -> list[Value]:
    found: list[Value] = []

    def add(family: str, start: int, end: int) -> None:
        if all(end <= other.start or other.end <= start for other in found):
            found.append(Value(family, start, end, text[start:end]))

    for family, pattern in VALUE_PATTERNS:
        if family == "name":
            for name_family, start, end, _ in names_in(text):
                add(name_family, start, end)
            continue
        for match in pattern.finditer(text):
            if family != "count word" or COUNT_BEFORE.search(text[:match.start()]):
                add(family, *match.span())
    for match in OTHER_NAME.finditer(text):
        link, article, name = match.groups()
        if not any(CAPITAL_NOUNS.match(word) for word in name.split()) and not article:
            people = re.search(r"[a-z](?:ans|ers|ists|ims|ites)$", name) is not None
            add(f"other name after {link}{' people' if people else ''}", *match.span(3))
    return sorted(found, key=lambda value: value.start)


def hours(text: str) -> float:
    number, unit = text.split(" ")[0], text.split(" ")[-1].rstrip("s")
    return float(NUMBER_WORDS.get(number, number.replace(",", ""))) * DURATION_IN_HOURS[unit]


def alike(left: Value, right: Value) -> bool:
    """Whether one value can replace the other in a sentence and differs from it."""
    if left.family != right.family or folded(left.text) == folded(right.text):
        return False
    if left.family == "duration":
        return abs(hours(left.text) - hours(right.text)) > 0.05 * hours(left.text)
    return not (left.family in FAMILIES or left.family.startswith("other name")) or not akin(left.text, right.text)


SYMMETRIC = re.compile(r"\b(?:married|equals?|resembles?|similar|also|known|called|named|i\.e|or|termed|both|between|"
                       r"alias|"
                       r"meets?|met|together|with|either|neither|border|join|adjacent|among|titled|translated|means|"
                       r"meaning|"
                       r"include|including|respectively|such as|came to be|became|versus|vs|v|against|from)\b|"
                       r"[(:;–—“”\"]")
ONLY_A_LIST = re.compile(r"[\s,]*(?:(?:and|or|to|&|the|of|in|by|about|at|a|[A-ZÀ-Ž][\wÀ-ž’'-]*|\d+)[\s,]*)*")


def is_list(text: str, left: Value, right: Value) -> bool:
    """Whether both are items of one list, whose order has no meaning."""
    between = text[left.end:right.start]
    items = between.split(",")
    words_after = [re.match(r" ?(\w*)", text[value.end:]).group(1) for value in (left, right)]
    words_before = [(re.search(r"(\w*) $", text[:value.start]) or [""])[0] for value in (left, right)]
    return (ONLY_A_LIST.fullmatch(between) is not None
            or len(items) > 2 and all(len(item.split()) < 4 for item in items)
            or words_before[0] == words_before[1] and re.fullmatch(r",? (?:and|or) (?:the )?\w+ ", between) is not None
            or words_after[0] == words_after[1]
            and re.search(r"\b(?:and|or)(?: the| a| in| of)* $", between) is not None)


COPIED = ("year", "percent", "money", "duration", "length", "clock", "date with a year", "date without a year", "count",
          "month and year", "month", "century")


def same_sentence_rule(text: str) -> Found:
    values = values_in(text)
    for position, left in enumerate(values):
        for right in values[position + 1:]:
            between = text[left.end:right.start]
            if (not alike(left, right) or len(between.split()) < 2 or SYMMETRIC.search(between)
                    or is_list(text, left, right) or text.count(left.text) > 1 or text.count(right.text) > 1):
                continue
            yield f"exchanged {left.family}", text[:left.start] + right.text + between + left.text + text[right.end:]
            if left.family in COPIED and len(between.split()) > 3:
                yield f"copied {left.family}", text[:right.start] + left.text + text[right.end:]
            elif left.family not in COPIED and len(between.split()) > 6 and left.start > 0 and between[0] != ",":
                yield f"copied {left.family}", put(text, left.start, left.end, right.text)


def same_chunk_rule(sentence: Sentence) -> Found:
    text = sentence.text
    here = values_in(text)
    for source in sentence.sources:
        for other in values_in(source) if source != text else ():
            for value in here:
                if (not alike(value, other) or other.text in text or text.count(value.text) > 1
                        or re.search(r"(?:\(|called |named |known as )$", text[:value.start])
                        or other.family not in COPIED
                        and any(akin(other.text, known.text) for known in here if known != value)):
                    continue
                if value.family == "year" and len(here) > 1 and re.search(r"\b(?:since|from|until|between) $",
                                                                          text[:value.start]):
                    continue
                yield f"chunk {value.family}", put(text, value.start, value.end, other.text)


SUBJECT = re.compile(r"^((?:The|An?|Each|Every|[A-Z][\w’'-]+)(?: [\w’'-]+){0,6}?) (is|are|was|were|has|have|had|can|"
                     r"may|must|"
                     r"should|will|would) (?=[a-z])(.+)\.$")
NO_SUBJECT = re.compile(
    r"\b(?:It|He|She|They|This|These|Those|There|In|On|At|By|As|If|When|While|After|Before|During|However|Although|"
    r"Since|That|"
    r"Which|What|Some|Many|Most|Both|Also|Thus|Therefore|Another|Other|Such|First|Second|Here|For|From|To|No|Nobody|"
    r"One|Not|"
    r"Only|All|Two|Three|Anyone|Today|With|Under|Where|Until|Even|Despite|Among|Further|And|But|So|Or|Then|Of|"
    r"Between|Its|His|"
    r"Her|Their|We|You|that|which|who|and|or|is|are|was|were|has|have|had|can|may|must|should|will|would|not|its|"
    r"their|his|"
    r"her|these|this|those|it|they|them|he|she|him|such|same|latter|former|other|another|both|to|did|does|do|instead|"
    r"then|"
    r"further|rate|end|result|name|part|still)\b")
NO_PREDICATE = re.compile(r"^(?:having|to|that|what|not only|in fact|being)\b|\b(?:also|however|therefore|thus|then|"
                          r"such|this|"
                          r"these|those|its|their|his|her|he|she|they|it|them|him|same|other|another|both|latter|"
                          r"former|"
                          r"likewise|instead|too|we|you|our|itself|themselves)\b|[\"“():;]")
LOOSE = re.compile(r"[,;:(]|\b(?:that|which|who|because|if|when|while|although|since|and|but|or|unless|until)\b")
DATE_INTRO = re.compile(rf"^(In|On) ((?:\d{{1,2}} )?{MONTH_WORD}(?: \d{{1,2}},?)?(?:,? \d{{4}})?|\d{{4}}),? "
                        rf"(?!\d)(.+)\.$")
DATE_END = re.compile(rf"^(.+) in ((?:{MONTH_WORD} )?\d{{4}})\.$")
CONDITION_FRONT = re.compile(r"^((?:If|When|Whenever|Once) [^,]+), ([^,]+)\.$")
MODALS = ("can", "may", "must", "should", "will", "would", "had")


def content_words(text: str) -> set[str]:
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{4,}", text)} - {"with", "from", "that", "this", "have"}


def clause_of(text: str) -> re.Match[str] | None:
    """A sentence of one clause split into subject, first verb and the rest of the predicate."""
    match = SUBJECT.match(text)
    if not match or NO_SUBJECT.search(match.group(1)) or NO_PREDICATE.search(match.group(3)) or len(text.split()) > 28 \
            or re.search(r"(?:ed|ing|ly)$", match.group(1)) or len(match.group(3).split()) < 4:
        return None
    return match


def plural_clause(clause: re.Match[str]) -> bool:
    if clause.group(2) in MODALS:
        return is_plural(re.split(r" (?:of|from|for|in|at|by|with|on|to) ", clause.group(1))[0])
    return clause.group(2) in ("are", "were", "have")


def distinct(subject: str) -> bool:
    """Whether a subject identifies one thing. "The city" does not: another sentence may name the same city."""
    return len(content_words(subject)) > 1 or subject[1:].lower() != subject[1:]


def merged_clauses(text: str, other: str, handbook: bool, lower_words: set[str]) -> Found:
    mine, theirs = clause_of(text), clause_of(other)
    if not mine or not theirs or content_words(mine.group(1)) & content_words(theirs.group(1)):
        return
    if not handbook and not (distinct(mine.group(1)) and distinct(theirs.group(1))):
        return
    if theirs.group(2) not in MODALS and plural_clause(mine) != plural_clause(theirs):
        return
    second = f"{theirs.group(2)} {theirs.group(3)}"
    yield "merged subject and predicate", f"{mine.group(1)} {second}."
    if not LOOSE.search(text) and not LOOSE.search(other):
        yield "merged two predicates", f"{text[:-1]} and {second}."
        if re.match(r"(?:The|An?) ", mine.group(1)):
            yield "merged relative clause", f"{mine.group(1)}, which {second}, {mine.group(2)} {mine.group(3)}."
            if theirs.group(1).startswith("The "):
                like_theirs = f"Like {lower_first(theirs.group(1), lower_words)}"
                yield "merged like", f"{like_theirs}, {lower_first(text, lower_words)}"


def merged_rule(sentence: Sentence, lower_words: set[str]) -> Found:
    text = sentence.text
    condition, date = CONDITION_FRONT.match(text), DATE_INTRO.match(text)
    for other in sentence.sources:
        if other == text or not is_whole(other) or sentence.article == "Computational complexity theory":
            continue  # in that article, many sentences have the same subject under different names
        yield from merged_clauses(text, other, sentence.handbook, lower_words)
        theirs = CONDITION_FRONT.match(other)
        if condition and theirs and not content_words(condition.group(2)) & content_words(theirs.group(2)) \
                and not re.match(r"(?:it|they|he|she|its|their|this)\b", theirs.group(2)):
            yield "merged conditions", f"{condition.group(1)}, {theirs.group(2)}."
        end, intro = DATE_END.match(other), DATE_INTRO.match(other)
        if date and len((text + other).split()) < 50:
            if intro and intro.group(2).strip() != date.group(2).strip() \
                    and not re.search(r"^(?:and|but)\b|\b(?:following|later|same)\b", intro.group(3)):
                yield "merged dates", f"{text[:-1]} and {intro.group(3)}."
            elif end and end.group(2) not in text and not re.search(
                    r"\d{4}|^(?:In|On|By|However|As|Although)\b", end.group(1)):
                yield "merged date at the end", f"{text[:-1]} and {lower_first(end.group(1), lower_words)}."
        reason = re.search(r",? (because (?:the|a|an|[a-z]+s|[A-Z]\w+) (?!which)[^,;]+)\.$", other)
        if reason and clause_of(text) and not LOOSE.search(text) and not re.search(
                r"\b(?:they|it|he|she|its|their|his|both|this|these|that)\b", reason.group(1)):
            yield "merged reason", f"{text[:-1]} {reason.group(1)}."


CLAIMS = (r"(?:argued|argues?|claimed|claims|believed|believes?|thought|suggests?|suggested|propose[sd]|"
          r"hypothesi[sz]e[sd]|"
          r"alleged|alleges|asserts?|asserted|contends?|contended|maintains?|maintained|states?|stated|says?|said|"
          r"reported|"
          r"estimated|estimates|predicts?|predicted|speculates?|speculated|assumes?|assumed|insists?|insisted|"
          r"complained|"
          r"wrote|concluded|warns|warned|feared|felt|feels?)")
OPINION = r"(?:believed|thought|said|claimed|reported|alleged|estimated|suspected|considered|assumed|supposed|reputed)"
NO_SPEAKER = re.compile(
    r"\b(?:law|theorem|axiom|conjecture|treaty|article|act|rule|will|would|can|could|to|did|does|directive|charter|"
    r"census|land|"
    r"where|from|when|as|heard|one|that|the contract|we)\b|^(?:although|while|since|if|because|after|evidence "
    r"that)\b", re.I)


def attribution_rule(text: str) -> Found:
    if '"' in text:
        return
    match = re.match(r"^According to (?!.{0,60}(?:Census|guidelines|[Ll]aw\b))(?:[^,]|, \d{4},)+, (.+)$", text)
    if match and not re.match(r"(?:\w+ed|which|who|including|represented|and|or)\b|[A-Z]\w+, ", match.group(1)):
        yield "according to at the front", capital(match.group(1))
    for match in re.finditer(r"(, | )according to (?!whom|its|their|the (?:means|party line|principles|contract)|"
                             r"some|a )"
                             r"([A-Za-z0-9' ]+?)(,(?= )|(?=\.$))", text):
        if match.start() and not re.search(r"(?:ed|made|vary|acting|act)$", text[:match.start()]) \
                and not re.search(r"Census\b|census", match.group(2)):
            yield "according to inside", text[:match.start()] + ("" if match.group(1) == ", " else match.group(3)) \
                + text[match.end():]
    match = re.match(rf"^((?:(?:In|On) [^,]{{3,30}}, )?)((?:(?!\b(?:not|never|no|that|which|and|if|is|it|"
                     rf"was)\b)[^,;]){{2,90}}?) "
                     rf"(?:also |once |(?:has|have|had) (?:also |since |long )?|explicitly |often |later |then "
                     rf")?{CLAIMS}"
                     r"(?: in [^,]{3,20})? that (.+)$", text)
    if match and not NO_SPEAKER.search(match.group(2)) \
            and not re.match(r"(?:in|as|while|if|although)\b", match.group(3)):
        yield "said that", match.group(1) + match.group(3) if match.group(1) else capital(match.group(3))
    match = re.match(rf"^It (?:is|was|has been|had been|can be) (?:\w+ly |also |often |sometimes |once |now "
                     rf")?{CLAIMS} that (.+)$",
                     text)
    if match:
        yield "it is said that", capital(match.group(1))
    for match in re.finditer(rf"\b(is|are|was|were)(?: \w+ly| often| also| sometimes)? ({OPINION}) (to be|to have "
                             rf"been|to have)\b"
                             r"(?: ([a-z]+ed)\b)?", text):
        verb, opinion, tail, participle = match.groups()
        if opinion == "said" and re.search(r"\b(?:if|then|algorithm|problem)\b", text) \
                or opinion == "considered" and not re.search(r"usual|typical|tradition|general|wide|often",
                                                             match.group()):
            continue  # a definition
        if tail == "to be":
            yield "believed to be", put(text, match.start(), match.end(3), verb)
        elif tail == "to have been":
            been = "was" if verb in ("is", "was") else "were"
            yield "believed to have been", put(text, match.start(), match.end(3), been)
        elif participle:
            yield "believed to have", text[:match.start()] + text[match.start(4):]
    for match in re.finditer(r"(?<=[a-z]) (?:reportedly|allegedly|supposedly|purportedly|apparently|presumably|"
                             r"arguably)"
                             r"(?= [a-z])", text):
        yield match.group().strip(), text[:match.start()] + text[match.end():]
    for match in re.finditer(rf", (?:as )?(?:[A-Z]\w+|some|critics|they|he|she|scholars|historians|many)(?: "
                             rf"[A-Z]\w+){{0,2}} "
                             rf"(?:has |have )?{CLAIMS}, ", text):
        yield "aside", text[:match.start()] + " " + text[match.end():]
    for match in re.finditer(r"(, (?:and|but|while|although|though|as) |; )((?:the |some |many |most |other |his |it "
                             r"(?:is|was|has "
                             rf"been) )?(?:[\w’']+ ){{0,4}}?)(?:also |have |has |had )?{CLAIMS} that ", text):
        speaker = match.group(2)
        if speaker.strip() and not re.search(r"\b(?:not|never|no|did|to|would|could|can|which)\b", speaker):
            yield "inner said that", text[:match.end(1)] + text[match.end():]
    for match in re.finditer(r"\b(claims|claimed|seems|seemed|appears|appeared|purports) to (be|have been) ", text):
        present_tense = match.group(1).endswith("s") and match.group(2) == "be"
        yield "claims to be", put(text, match.start(), match.end(), "is " if present_tense else "was ")


HARD_LIMITS = (r"unless|except(?: for| that| when| if| in)?|only (?:if|when)|provided that|as long as|so long as|"
               r"with the exception of|apart from")
SOFT_LIMITS = (r"if|when|whenever|until|once(?! a| in| for| every| more)|"
               r"only (?:after|with|by|on|until|once|to|for|under|through|in)")
HANDBOOK_LIMITS = r"before|after|provided"
FINITE = re.compile(r"\b(?:is|are|can|may|must|will|does|do|has|have|needs?|cannot|would|should|could)\b")
PAST = re.compile(r"\b(?:was|were|had|did|became|began|led|took|made|came|went|held|gave|left|won|lost|built|found|"
                  r"sent|ruled|"
                  r"remained|arrived|informed|followed|entered|asked)\b")
LOOSE_END = re.compile(
    r"\b(?:even|as|see|know|known|and|or|but|than|the|ask|asks|determine|decide|depends?|on|of|is|are|was|were|not|"
    r"to|shortly|"
    r"just|be|has|have|check|soon|days?|weeks?|months?|years?|hours?|later|decades?|long|what|whether|immediately|"
    r"only|that|"
    r"which|who|how|at|from|about|by|cases?|situations?|times?|point|tell|used|a|an|begins|began|especially|"
    r"particularly|with|"
    r"possible|where|places?|areas?|in|because|those|given|called|generally|second|also|likely|say|either|difference|"
    r"appropriate|approproriate|looks?|looking|looked|happen|for|retries|alert)$")
INNER = re.compile(r"\b(?:that|which|who|because|if|when|while|where|how|since|whether)\b[^,]*$")
RELATIVE = re.compile(r"^((?:Anyone|Everyone|Someone|Access|Rules|Columns|(?:An?|Any|Each|Every|The) (?!page "
                      r"means)[a-z -]{3,24}?)) (?:(?:that|who|"
                      r"whose) (?:[\w-]+ ){2,16}?|without [\w ]{4,24}? )(is|are|must|may|can|has|needs|takes|gets|"
                      r"goes|loses|"
                      r"moves|opens|raises|counts) (.+)$")


def condition_rule(text: str, handbook: bool) -> Found:
    limits = f"{HARD_LIMITS}|{SOFT_LIMITS}" + (f"|{HANDBOOK_LIMITS}" if handbook else "")
    for match in re.finditer(rf"(?:,? (?:but )?(?=only|except)| (?!when|if)|,? (?=if)|(?<!,) "
                             rf"(?=when))\b({limits})\b(?= )", text):
        main, limit, rest = text[:match.start()].rstrip(",;: "), match.group(1), text[match.end():]
        clause = re.split(r"[,;:] ", main)[-1]
        hard = re.fullmatch(HARD_LIMITS, limit) is not None
        if (len(main.split()) < FEWEST_WORDS or LOOSE_END.search(main) or main.count("(") != main.count(")")
                or main.count('"') % 2 or re.search(r"[;:–—] ?$", text[:match.start()]) or re.match(r" (?:any "
                    r")?(?:further|then|long|not|which|compared)\b|,", rest)
                or re.match(r"(?:If|When|Unless|Once|While|Although|As|After|Before|Until|Since|Even|This page)\b",
                            main)):
            continue
        if not handbook and not FINITE.search(clause) or INNER.search(main) and limit not in ("unless", "except"):
            continue
        past = PAST.search(clause) or re.search(r"\b\w+ed (?:the|a|an|to|in|by|only)\b", clause) and not re.search(
            r"\b(?:is|are|be|been)\b", clause)
        if not hard and (past or re.search(r"\b(?:has|have) \w+ed$", clause)
                         or limit in ("when", "once", "if") and PAST.search(rest) and "would" not in clause):
            continue
        if limit == "except" and re.match(r" (?:those|not)\b", rest) \
                or limit.startswith("only in") and "be" not in clause:
            continue
        yield f"cut before {limit}", main + "."
    match = re.match(r"^(If|When|Unless|Once|As long as|Provided that|In an emergency)(?! complete| considering)"
                     r" ?([^,]*), (?:then )?([^,]+(?:, (?:because|and|which|so) [^,]+)?)$", text)
    if match and not PAST.search(text) and len(match.group(3).split()) >= FEWEST_WORDS and "(" not in match.group(2) \
            and (handbook or FINITE.search(match.group(3))) and not re.match(
                r"(?:and|or|but|as|which|who|for example|such|it|they|he|she|its|their|this|so|say|including|\w+ing)\b",
                match.group(3)):
        yield f"front cut {match.group(1).lower()}", capital(match.group(3))
    match = RELATIVE.match(text) if handbook else None
    if match:
        yield "relative clause cut", f"{match.group(1)} {match.group(2)} {match.group(3)}"


# ------------------------------------------------------------------------------------------------ harmless rewordings

CALENDAR = (rf"(?:(?:early |late |mid-?)?(?:(?:\d{{1,2}} )?{MONTH_WORD}(?: \d{{1,2}},)?(?: of)?(?: \d{{4}})?|"
            rf"\d{{4}}s?|the (?:early |late "
            rf"|mid[ -]?)?\d{{4}}s|the (?:early |late |mid[ -]?)?\d{{1,2}}(?:st|nd|rd|th) century|(?:the "
            rf")?{any_of(WEEKDAYS)}s?|"
            rf"the (?:summer|winter|spring|autumn|fall) of \d{{4}}|the (?:following|same) year))")
TIME_FRONT = re.compile(rf"^((?:In|On|By|During|Since|Until|Around|As of|Between \d{{4}} and|From \d{{4}} to|Before|"
                        rf"After) {CALENDAR})"
                        r",? (.+)\.$")
TIME_END = re.compile(rf"^(.+) ((?:in|on|by|during|since|as of) {CALENDAR})\.$")
TANGLED = re.compile(
    r"[,;:()\"“—–]|\b(?:that|which|who|whom|whose|where|when|while|because|if|but|until|since|after|before|so|"
    r"although|not|later|"
    r"then|now|(?:to|and|or) (?:be|have|\w+ed|was|were|had|has|is|are|became|began|led|made|took)|to [a-z]+|in \d+|"
    r"(?!king|during|building|spring|wing|thing|being|ring|string|evening|morning)\w{2,}ing|century|" + "|".join(MONTHS)
    + r"|\d{4})\b")
FINITE_PAST = re.compile(r"\b(?:was|were|had been|has been|have been|began|ended|died|opened|became|came|joined|"
                         r"moved|started|won|"
                         r"left|arrived|received|founded|signed|launched|adopted|conquered|ruled|invaded|settled|"
                         r"introduced)\b")
ANY_VERB = re.compile(r"\b(?:was|were|had|has|is|are|became|began|led|won|made|took|came|ended|died|opened|joined|"
                      r"moved|left|"
                      r"\w+ed)\b")
SUBJECT_START = r"(?:the|an?|no|all|every|each|some|[A-Z]|[a-z]+s)\b"
PRONOUNS = r"\b(?:it|they|them|its|their|he|his|she|her|then|one|this|these)\b"


def order_rule(text: str, lower_words: set[str]) -> Found:
    match = TIME_FRONT.match(text)
    if match and not TANGLED.search(match.group(2)) and 3 <= len(match.group(2).split()) <= 24 \
            and ANY_VERB.search(match.group(2)) \
            and re.match(r"(?:the|an?|he|she|it|they|[A-Z]|[a-z]+s\b)", match.group(2)):
        phrase = match.group(1)
        yield "time to the end", f"{capital(match.group(2))} {phrase[0].lower()}{phrase[1:].rstrip(',')}."
    match = TIME_END.match(text)
    if match and not TANGLED.search(match.group(1)) and 4 <= len(match.group(1).split()) <= 20:
        main = match.group(1)
        verbs = ANY_VERB.findall(main)
        passive = re.search(r"\b(?:was|were|been) (?:\w+ly |also |first )?\w+ed\b|had \w+ed", main)
        if FINITE_PAST.search(main) and len(verbs) <= 2 and (len(verbs) == 1 or passive) \
                and not re.match(r"(?:In|On|By|At|However|As|Also|For|From|After)\b", main):
            yield "time to the front", f"{capital(match.group(2))}, {lower_first(main, lower_words)}."
    match = re.match(r"^((?:If|When|Unless|Once|Whenever) [^,—]+), ([^,—]+)\.$", text)
    if match and re.match(SUBJECT_START, match.group(2)) and not re.search(
            PRONOUNS + r"|\b(?:and|but|or|that|which|who|when|if|because|so|until|than)\b", match.group(2)):
        phrase = match.group(1)
        yield "condition to the end", f"{capital(match.group(2))} {phrase[0].lower()}{phrase[1:]}."
    match = re.match(r"^((?:During|After|Before|Between|At) (?:the|an?|every|each|two) [^,—]{3,50}), ([^,;:—]+)\.$",
                     text)
    if match and len(match.group(2).split()) <= 18 and re.match(SUBJECT_START, match.group(2)) and not re.search(
            PRONOUNS + r"|\b(?:that|which|who|and|or|but|if|when|while|because|as|than|to|not|\w+ing|so|until|of a|"
                       r"after|before)\b"
            r"|[\"(]", match.group(2)) \
            and not re.search(PRONOUNS + r"|\b(?:time being|end|latter|former|outset)\b", match.group(1)):
        phrase = match.group(1)
        yield "phrase to the end", f"{capital(match.group(2))} {phrase[0].lower()}{phrase[1:]}."
    match = re.match(r"^([A-Z][^,;:—]+?) ((?:if|when|unless) (?:the|an?|no|all|every|each|some|any) [^,;:—]+)\.$", text)
    if match and 4 <= len(match.group(1).split()) <= 16 and not re.search(
            r"\b(?:that|which|who|and|or|but|because|as|than|not|never|only|if|when|even|nobody|no|it|its|see|know|"
            r"cases?|"
            r"check|to|so)\b", match.group(1)) \
            and not re.search(PRONOUNS + r"|\b(?:and|or|but|than)\b", match.group(2)):
        yield "condition to the front", f"{capital(match.group(2))}, {lower_first(match.group(1), lower_words)}."


CONTRACTED = {
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't",
    "are not": "aren't", "was not": "wasn't", "were not": "weren't", "has not": "hasn't",
    "have not": "haven't", "had not": "hadn't", "cannot": "can't", "will not": "won't",
    "would not": "wouldn't", "could not": "couldn't", "should not": "shouldn't", "must not": "mustn't",
    "it is": "it's", "they are": "they're", "we are": "we're", "there is": "there's",
    "they have": "they've", "it will": "it'll", "they will": "they'll"}


def contraction_rule(text: str) -> Found:
    for long, short in CONTRACTED.items():
        negative = long.endswith("not")
        follows = r"(?= [a-z])" if negative else (
            r"(?= (?:an?|the|not|never|also|very|being|often|been|[a-z]+ed|[a-z]+ing)\b)")
        for match in re.finditer(rf"\b{long}\b{follows}", text, re.I):
            before = text[:match.start()]
            if long == "they have" and not re.match(" (?:been|[a-z]+ed)", text[match.end():]) \
                    or not negative and re.search(r"\b(?:if|whether|what|as|than|where|how|who|one|there) $", before):
                continue
            yield f"contraction {short}", put(text, match.start(), match.end(), like(match.group(), short))
        for match in re.finditer(rf"\b{re.escape(short)}\b", text) if negative else ():
            yield f"contraction {short} undone", put(text, match.start(), match.end(), long)


NO_SPELLING = re.compile(r"(?:" + MONTH_WORD + r"|\b(?:and|or|to|[Aa]rticles?|[Cc]hapter|number|by|page|than|"
                                               r"[Ss]ection|age|was|is|"
                         r"of|hundred|thousand|the|one|two|three|four|five|six|seven|eight|nine)) $|[A-Z]\w* $|\d,? $")


def number_spelling_rule(text: str) -> Found:
    follows = (r"(?= [a-z]{4,}\b)(?! (?:and|other|others|hundred|thousand|dozen|more|percent|from|with|that|when|were|"
               r"until)\b)")
    for match in re.finditer(r"(?<![\w-])" + any_of(NUMBER_WORDS) + follows, text):
        if not NO_SPELLING.search(text[:match.start()]):
            yield "word to digits", put(text, match.start(), match.end(), str(NUMBER_WORDS[match.group()]))
    for match in re.finditer(r"(?<![\w.,:/$€£°–-])\d{1,2}" + follows, text):
        if int(match.group()) in WORD_OF_NUMBER and not NO_SPELLING.search(text[:match.start()]):
            yield "digits to word", put(text, match.start(), match.end(), WORD_OF_NUMBER[int(match.group())])
    for match in re.finditer(r"(?<![\w–,.-])\d+(?:\.\d+)?( percent| per cent)\b", text):
        yield "percent to sign", put(text, *match.span(1), "%")
    for match in re.finditer(r"(?<![\w–,.-])\d+(?:\.\d+)?(%)(?=[ ,.])(?! to \d)", text):
        yield "sign to percent", put(text, *match.span(1), " percent")
    for match in re.finditer(r"(?<![\w–.,-])(\d{1,3}),(\d{3})(?![\w,–-]|\.\d)", text):
        yield "comma dropped", put(text, match.start(), match.end(), match.group(1) + match.group(2))
    for match in re.finditer(r"\b(\d{1,2})(?:st|nd|rd|th)(?=[ -]century\b)", text):
        if int(match.group(1)) <= 20 and not re.search(r"[–-]$|\b(?:and|or|to) $", text[:match.start()]):
            yield "ordinal to word", put(text, match.start(), match.end(), ORDINALS[int(match.group(1)) - 1])
    for match in re.finditer(r"\b(" + "|".join(ORDINALS) + r")(?= (?:century|floor|week|day|month|year|edition|"
                                                           r"season|session|"
                             r"district|round|quarter)\b)", text):
        yield "ordinal to digits", put(text, match.start(), match.end(), ordinal(ORDINALS.index(match.group(1)) + 1))
    for match in re.finditer(r"(?<![\w.,$€£–-])\d{1,2}(?= (?:million|billion)\b)", text):
        if int(match.group()) in WORD_OF_NUMBER:
            yield "millions to word", put(text, match.start(), match.end(), WORD_OF_NUMBER[int(match.group())])
    for match in re.finditer(r"\b" + any_of(NUMBER_WORDS) + r"(?= (?:million|billion)\b)", text):
        yield "millions to digits", put(text, match.start(), match.end(), str(NUMBER_WORDS[match.group()]))


# ------------------------------------------------------------------------------------------------------- the selection

def differs(made: str, sentence: Sentence, kind: str) -> bool:
    """Whether the sentence is complete and no source sentence contains it word for word."""
    text = folded(made)
    if (not FEWEST_WORDS <= len(made.split()) <= MOST_WORDS or re.search(r" {2}| [,.]", made) or made[0].islower()
            or made.count("(") != made.count(")")):
        return False
    pieces_allowed = kind in ("condition", "attribution")  # these are pieces of their sentence by design
    for source in sentence.sources:
        piece = folded(source)
        if text == piece or not pieces_allowed and text.rstrip(".") in piece:
            return False
    return True


class Chooser:
    """Takes alterations of one kind: from each article in turn, and of the rule used least so far."""

    def __init__(self, kind: str, rule: Callable[[Sentence], Found], sentences: list[Sentence],
                 random_order: random.Random) -> None:
        self.used: Counter[str] = Counter()
        by_article: dict[str, list[tuple[Sentence, list[tuple[str, str]]]]] = {}
        for sentence in sentences:
            if not sentence.whole:
                continue
            made = list(dict.fromkeys((name, text) for name, text in rule(sentence) if differs(text, sentence, kind)))
            if made:
                by_article.setdefault(sentence.article, []).append((sentence, made))
        first, rest = [], []
        for article in sorted(by_article):
            random_order.shuffle(by_article[article])
            preferred = by_article[article][0][0].handbook and kind in HANDBOOK_FIRST
            (first if preferred else rest).append(by_article[article])
        self.queue = [*self.in_turn(first, random_order), *self.in_turn(rest, random_order)]
        self.variants = VARIANTS.get(kind, 1)
        self.random_order = random_order

    @staticmethod
    def in_turn(groups: list[list], random_order: random.Random) -> list:
        random_order.shuffle(groups)
        longest = max((len(group) for group in groups), default=0)
        return [group[index] for index in range(longest) for group in groups if index < len(group)]

    def available(self) -> int:
        return sum(min(self.variants, len({text for _, text in made})) for _, made in self.queue)

    def take(self, count: int, seen: set[str]) -> list[tuple[Sentence, str]]:
        taken: list[tuple[Sentence, str]] = []
        for _ in range(self.variants):
            for sentence, made in self.queue:
                left = [entry for entry in made if entry[1] not in seen]
                if len(taken) == count or not left:
                    continue
                fewest = min(self.used[name] for name, _ in left)
                name, text = self.random_order.choice([entry for entry in left if self.used[entry[0]] == fewest])
                self.used[name] += 1
                seen.add(text)
                taken.append((sentence, text))
        return taken


def shares(available: dict[str, int], total: int) -> dict[str, int]:
    """Divides the total as evenly as the available numbers allow."""
    share = {kind: 0 for kind in available}
    while total > 0 and any(share[kind] < available[kind] for kind in available):
        open_kinds = [kind for kind in available if share[kind] < available[kind]]
        each = max(1, total // len(open_kinds))
        for kind in open_kinds:
            step = min(each, available[kind] - share[kind], total)
            share[kind] += step
            total -= step
    return share


def rules(lower_words: set[str], random_order: random.Random) -> tuple[dict[str, Callable[[Sentence], Found]],
                                                                    dict[str, Callable[[Sentence], Found]]]:
    altered = {
        "number": lambda sentence: number_rule(sentence.text), "unit": lambda sentence: unit_rule(sentence.text),
        "name": lambda sentence: name_rule(sentence.text, " ".join(sentence.sources), random_order),
        "negation": lambda sentence: negation_rule(sentence.text),
        "direction": lambda sentence: direction_rule(sentence.text),
        "modality": lambda sentence: modality_rule(sentence.text),
        "quantifier": lambda sentence: quantifier_rule(sentence.text),
        "time_of_day": lambda sentence: time_of_day_rule(sentence.text),
        "swapped": lambda sentence: swapped_rule(sentence.text, lower_words),
        "same_sentence": lambda sentence: same_sentence_rule(sentence.text),
        "same_chunk": same_chunk_rule, "merged": lambda sentence: merged_rule(sentence, lower_words),
        "attribution": lambda sentence: attribution_rule(sentence.text),
        "condition": lambda sentence: condition_rule(sentence.text, sentence.handbook)}
    harmless = {"order": lambda sentence: order_rule(sentence.text, lower_words),
                "contraction": lambda sentence: contraction_rule(sentence.text),
                "number_spelling": lambda sentence: number_spelling_rule(sentence.text)}
    return altered, harmless


def generate(arguments: argparse.Namespace) -> list[dict]:
    random_order = random.Random(arguments.seed)
    handbook = read_handbook(arguments.handbook)
    sentences = [*handbook, *read_squad(arguments.squad)]
    first_words = {re.match(r"[A-Za-z'’-]*", sentence.text).group().lower() for sentence in sentences}
    lower_words = {word for word in first_words if re.search(r"(?:ed|ing|tion|ment|ness|ly)$", word)}
    lower_words |= {word for sentence in sentences for word in re.findall(r"\b[a-z]+\b", sentence.text)}
    altered, harmless = rules(lower_words, random_order)
    lines: list[tuple[str, str, Sentence, str]] = []
    seen: set[str] = set()
    for group, kinds, total in (("altered", altered, arguments.count), ("harmless", harmless, HARMLESS_COUNT)):
        choosers = {kind: Chooser(kind, rule, sentences, random_order) for kind, rule in kinds.items()}
        share = shares({kind: chooser.available() for kind, chooser in choosers.items()}, total)
        for kind, chooser in choosers.items():
            lines += [(group, kind, sentence, text) for sentence, text in chooser.take(share[kind], seen)]
    whole = [sentence for sentence in sentences if sentence.whole]
    known = [sentence for sentence in whole if sentence.handbook]
    chosen = random_order.sample(known, min(UNALTERED_COUNT // 4, len(known)))
    others = [sentence for sentence in whole if not sentence.handbook]
    chosen += random_order.sample(others, min(UNALTERED_COUNT - len(chosen), len(others)))
    lines += [("unaltered", "unaltered", sentence, sentence.text) for sentence in chosen]
    return [{"group": group, "kind": kind, "original": sentence.text, "sentence": text,
             "sources": [{"text": source, "heading": sentence.heading} for source in sentence.sources]}
            for group, kind, sentence, text in lines] + read_scifact(arguments.scifact)


def main() -> None:
    data = CHECKOUT.parent / "shared/data/qa"
    parser = argparse.ArgumentParser(description="Prints altered and harmless sentences to test a support checker.")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--count", type=int, default=2000, help="altered sentences")
    parser.add_argument("--squad", type=Path, default=data / "squad2-dev/documents.jsonl")
    parser.add_argument("--handbook", type=Path, default=CHECKOUT / "Workers/Millrace/Demo/handbook")
    parser.add_argument("--scifact", type=Path, default=data / "scifact")
    arguments = parser.parse_args()
    lines = [json.dumps({"id": number, **line}, ensure_ascii=False) + "\n"
             for number, line in enumerate(generate(arguments))]
    output = "".join(lines).encode()
    sys.stdout.buffer.write(output)
    counts = Counter((line["group"], line["kind"]) for line in map(json.loads, lines))
    print(f"seed {arguments.seed}", file=sys.stderr)
    for (group, kind), count in counts.items():
        print(f"{group} {kind} {count}", file=sys.stderr)
    print(f"sha256 {hashlib.sha256(output).hexdigest()}", file=sys.stderr)


if __name__ == "__main__":
    main()
