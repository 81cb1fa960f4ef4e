import LinearAlgebra
import ModelGraph

/// Settings of the whole process, for programs that do nothing but work on models: a host that has other things to do leaves them alone.
public enum ProcessSetup {
    /// A mapped file that shrinks or fails while it is read becomes an error instead of ending the process, and large blocks of memory go
    /// back to the system when they are freed.
    public static func apply() {
        MappedFile.catchFaults()
        ProcessMemory.returnLargeBlocks()
    }

    /// What is done when OpenBLAS or LAPACKE, which are loaded at their first use, are not there; it is given the reason, and is not to
    /// return. Without it the process is aborted.
    public static func whenOpenBLASIsMissing(_ report: @convention(c) (UnsafePointer<CChar>) -> Void) {
        LinearAlgebraRuntime.whenUnavailable(report)
    }
}
