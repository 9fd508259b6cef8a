import CommandLine
import VectorMath

/// `millrace check-kernel`: this program runs it before it forces a kernel of OpenBLAS.
enum CheckKernelCommand {
  static let command = Command(
    "check-kernel",
    abstract:
      "Check OpenBLAS against plain loops. Millrace runs this itself before it forces an OpenBLAS kernel."
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
}
