/// A set of label names and values; values come from closed sets only (`style.md` rule 34).
package typealias Labels = [(name: String, value: String)]
