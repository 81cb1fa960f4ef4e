import ArgumentParser
import Caplet

/// A number of bytes on the command line: 5GB, 500 MB, 2GiB, 4096.
struct ByteLimit: ExpressibleByArgument {
    let bytes: Int

    /// Nil for what `ByteCountText` cannot read.
    init?(argument: String) {
        guard let bytes = ByteCountText.bytes(argument) else { return nil }
        self.bytes = bytes
    }
}
