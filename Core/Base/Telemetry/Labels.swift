/// A set of label names and values; values come from closed sets only.
package typealias Labels = [(name: String, value: String)]
