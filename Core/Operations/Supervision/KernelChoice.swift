import Foundation
import Settings
import Telemetry
import VectorMath

/// Chooses the OpenBLAS kernel. On some AVX-512 machines Debian's OpenBLAS picks the Haswell kernels. The
/// library reads `OPENBLAS_CORETYPE` when it loads, so another choice needs a restart of the process. Some
/// builds compute wrong results or crash with forced kernels: a child process compares them with scalar loops
/// first.
package enum KernelChoice {
  /// Restarts this process with the better kernel, or returns. Does nothing when `OPENBLAS_CORETYPE` is set.
  package static func apply(_ settings: Settings, _ logger: Logger) {
    BLAS.useOneThread()
    if settings.encoder.choosesKernel, let kernel = better() {
      unsafe setenv("OPENBLAS_CORETYPE", kernel, 1)
      var arguments = unsafe CommandLine.arguments.map { unsafe strdup($0) } + [nil]
      unsafe execv("/proc/self/exe", &arguments)
      logger.warning("Restart with another kernel failed", [(.kernel, kernel)])
      unsafe unsetenv("OPENBLAS_CORETYPE")
    }
    logger.info("OpenBLAS kernel", [(.kernel, BLAS.coreName), (.instruction, Kernels.instructionSet)])
  }

  /// The kernel to force, checked in a child process; nil when the current kernel is the best or the check
  /// fails.
  package static func better() -> String? {
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
