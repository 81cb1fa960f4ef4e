import CKernels

/// How the process deals with memory that it has freed.
public enum ProcessMemory {
    /// Large blocks go back to the system when they are freed, so that memory that thousands of matrices have passed through does not stay in
    /// pieces. Call it once, before any other use.
    public static func returnLargeBlocks() { caplet_return_large_memory() }
}
