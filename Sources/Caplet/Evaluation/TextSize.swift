import CLibrary

/// How long a text is in three units; what a mean loss a token is turned into one a word or a byte by.
public struct TextSize: Sendable {
    /// Tokens, the one that begins a text left out.
    public let tokens: Int
    /// Runs of characters that are no white space.
    public let words: Int
    /// Bytes of UTF-8.
    public let bytes: Int
    /// Control tokens that the text spells and that were taken as tokens.
    public let specialTokens: Int

    /// e to the mean loss a word, of a mean loss a token.
    public func wordPerplexity(_ meanLoss: Double) -> Double { exp(meanLoss * Double(tokens) / Double(max(words, 1))) }
    /// e to the mean loss a byte.
    public func bytePerplexity(_ meanLoss: Double) -> Double { exp(meanLoss * Double(tokens) / Double(max(bytes, 1))) }
    /// The mean loss a byte, in bits.
    public func bitsPerByte(_ meanLoss: Double) -> Double { meanLoss * Double(tokens) / Double(max(bytes, 1)) / log(2) }
}
