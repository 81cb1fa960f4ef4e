/// A number of bytes as people write it: 5GB, 500 MB, 2GiB, 4096.
package enum ByteCountText {
    private static let units: [(name: String, bytes: Int)] = [
        ("", 1), ("B", 1), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("KIB", 1 << 10), ("MIB", 1 << 20), ("GIB", 1 << 30), ("TIB", 1 << 40),
    ]

    /// Nil for anything but a positive number with a unit of 1000 (kB, MB, GB, TB) or 1024 (KiB, MiB, GiB, TiB), or none.
    package static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var unitName = text[digits.endIndex...].uppercased()
        while unitName.hasPrefix(" ") { unitName.removeFirst() }
        guard let number = Double(digits), let unit = units.first(where: { $0.name == unitName }),
            let bytes = Int(exactly: (number * Double(unit.bytes)).rounded()), bytes > 0
        else { return nil }
        return bytes
    }
}
