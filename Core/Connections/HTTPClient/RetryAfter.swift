import Foundation

/// Reads the header `Retry-After` (RFC 9110): seconds or a date. The result is at most one day.
package enum RetryAfter {
  package static func seconds(_ text: String, now: Date = Date()) -> Double? {
    if let number = Double(text), number.isFinite, number >= 0 { return min(number, 86_400) }
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return formatter.date(from: text).map { max(0, min($0.timeIntervalSince(now), 86_400)) }
  }
}
