/// How many tokens, sequences or bytes a request may ask for.
package enum CountRange {
    /// More than any text has, and few enough for products of two of them.
    package static let most = 1 << 30

    /// - Parameters:
    ///   - what: completes "… is", such as "the context".
    ///   - value: nil for what was not asked for.
    /// - Throws: `RequestError` for a count outside of `least` … `most`.
    static func check(_ what: String, _ value: Int?, from least: Int, to most: Int = CountRange.most) throws {
        guard let value, !(least...most).contains(value) else { return }
        throw RequestError(.usage, "\(what) is \(least) … \(most), not \(value)")
    }
}
