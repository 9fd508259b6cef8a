struct BatchFault: Error {
  var code: ErrorCode
  var rule: String
}
