import CKernels

/// How the process deals with memory that it has freed.
public enum ProcessMemory {
    /// Large blocks go back to the system when they are freed, so that memory that thousands of matrices have passed through does not stay in
    /// pieces. Call it once, before any other use.
    public static func returnLargeBlocks() { caplet_return_large_memory() }

    /// Huge pages for what lies in the heap: matrices below 8 MB, whose pages otherwise come one by one, for a twentieth of the time of
    /// an SVD. Larger matrices stay without: where pages are contiguous, rows at a distance of a power of two share places in the caches.
    /// Call it once, from the first thread, after `returnLargeBlocks`.
    public static func useHugePages() { caplet_use_huge_pages() }
}
