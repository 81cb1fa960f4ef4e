import CAllocation
import CLibrary
import Caplet

/// Failures that no error can report, since they come from where none can be thrown: one line and status 70.
enum FatalFailure {
    /// Memory that is not to be had, and OpenBLAS where it cannot be loaded.
    static func reportInOneLine() {
        caplet_link_allocation()
        ProcessSetup.whenOpenBLASIsMissing { reason in
            for text in ["caplet: error: OpenBLAS cannot be loaded: ", String(cString: reason), "\n"] { fputs(text, StandardStream.error) }
            _exit(ExitStatus.internalError.rawValue)
        }
    }
}
