import ArgumentParser

/// Options that count tokens and sequences.
enum CountOption {
    /// More than any text has, and few enough for products of two of them.
    static let most = 1 << 30

    /// - Throws: `ValidationError` for a count outside of `least` … `most`; nothing for an option that was not given.
    static func check(_ name: String, _ value: Int?, from least: Int) throws {
        guard let value, !(least...most).contains(value) else { return }
        throw ValidationError("\(name) takes \(least) … \(most), not \(value)")
    }
}
