import CommandLine

/// The load generator; its work comes with a later issue, and until then it says so.
@main
enum Loadgen {
  static func main() {
    print("loadgen has no commands yet: replaying recorded traffic comes with a later release.")
  }
}
