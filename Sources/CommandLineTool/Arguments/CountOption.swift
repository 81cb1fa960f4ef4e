import ArgumentParser
import Caplet

/// Options that count tokens and sequences.
enum CountOption {
    /// - Throws: `ValidationError` for a count outside of `least` … `CountRange.most`; nothing for an option that was not given.
    static func check(_ name: String, _ value: Int?, from least: Int) throws {
        guard let value, !(least...CountRange.most).contains(value) else { return }
        throw ValidationError("\(name) takes \(least) … \(CountRange.most), not \(value)")
    }
}
