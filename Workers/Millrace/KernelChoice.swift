import CommandLine
import Foundation
import Settings
import Telemetry
import VectorMath

/// On some AVX-512 machines Debian's OpenBLAS picks the Haswell kernels. The library reads `OPENBLAS_CORETYPE` when
/// it loads, so the better choice takes a fresh start of this process; before, a child process compares the forced
/// kernels with scalar loops, since some builds compute wrong results or crash on some processors.
enum KernelChoice {
  static let command = Command(
    "check-kernel", abstract: "Compare OpenBLAS's kernels with scalar loops (used before a kernel is forced)."
  ) { _ in
    BLAS.useOneThread()
    if let shape = KernelCheck.firstMismatch() {
      Terminal.complain("millrace: OpenBLAS kernel \(BLAS.coreName) differs from scalar loops at \(shape)")
      return .failure
    }
    Terminal.print(
      "kernel \(BLAS.coreName), instruction set \(Kernels.instructionSet): agrees with scalar loops")
    return .success
  }

  /// Starts this process again under the better kernel, or returns. A variable that is set is left alone.
  static func apply(_ settings: Settings, _ logger: Logger) {
    BLAS.useOneThread()
    if settings.encoder.choosesKernel, let kernel = better() {
      unsafe setenv("OPENBLAS_CORETYPE", kernel, 1)
      var arguments = unsafe Swift.CommandLine.arguments.map { unsafe strdup($0) } + [nil]
      unsafe execv("/proc/self/exe", &arguments)
      logger.warning("Restart with another kernel failed", [(.kernel, kernel)])
      unsafe unsetenv("OPENBLAS_CORETYPE")
    }
    logger.info("OpenBLAS kernel", [(.kernel, BLAS.coreName), (.instruction, Kernels.instructionSet)])
  }

  /// The kernel to force, checked in a child; nil when the present one is right.
  static func better() -> String? {
    guard ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil, Kernels.hasAVX512,
      !["SkylakeX", "Cooperlake", "SapphireRapids"].contains(BLAS.coreName)
    else { return nil }
    let child = Process()
    child.executableURL = OwnExecutable.url
    child.arguments = ["check-kernel"]
    child.environment = ChildEnvironment.withoutSecrets(ProcessInfo.processInfo.environment)
      .merging(["OPENBLAS_CORETYPE": "SKYLAKEX"]) { $1 }
    child.standardOutput = FileHandle.nullDevice
    child.standardError = FileHandle.nullDevice
    do {
      try child.run()
      child.waitUntilExit()
    } catch {
      return nil
    }
    return child.terminationStatus == 0 && child.terminationReason == .exit ? "SKYLAKEX" : nil
  }
}
