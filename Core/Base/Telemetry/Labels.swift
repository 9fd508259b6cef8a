/// Label names and values. Values come from closed sets only.
package typealias Labels = [(name: String, value: String)]
