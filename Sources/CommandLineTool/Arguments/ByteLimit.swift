import ArgumentParser

/// A number of bytes on the command line: 5GB, 500 MB, 2GiB, 4096.
struct ByteLimit: ExpressibleByArgument {
    let bytes: Int

    private static let units: [(name: String, bytes: Int)] = [
        ("", 1), ("B", 1), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40),
    ]

    /// Nil for anything but a positive number with a unit of 1000 (kB, MB, GB, TB) or 1024 (KiB, MiB, GiB, TiB), or none.
    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var unitName = argument[digits.endIndex...].uppercased()
        while unitName.hasPrefix(" ") { unitName.removeFirst() }
        guard let number = Double(digits), let unit = ByteLimit.units.first(where: { $0.name == unitName }),
            let bytes = Int(exactly: (number * Double(unit.bytes)).rounded()), bytes > 0
        else { return nil }
        self.bytes = bytes
    }
}
