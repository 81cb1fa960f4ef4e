import Caplet

/// The loss and the perplexities of a model on text or tokens, as `evaluate` prints them.
struct EvaluationReport {
    let loss: LossEvaluation
    /// The file of token ids, if there was one.
    let tokens: String?

    /// What the token-level perplexity is taken over.
    private var kind: String {
        guard loss.isCausal else { return "masked-token, every token filled in once with every seventh masked" }
        return tokens.map { "token-level, rows of \($0) scored by themselves" }
            ?? "token-level, windows without overlap, all tokens but the first of each scored"
    }

    func print(_ session: Session) throws {
        let (perplexity, size, sequences, seconds) = (loss.perplexity, loss.size, loss.sequences, loss.seconds)
        let mean = perplexity.meanLoss
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    EvaluationResult(
                        meanNll: mean, meanNllStandardError: perplexity.standardError, perplexity: perplexity.value,
                        perplexityStandardError: perplexity.valueStandardError, tokenPerplexity: perplexity.value,
                        wordPerplexity: size?.wordPerplexity(mean), bytePerplexity: size?.bytePerplexity(mean),
                        bitsPerByte: size?.bitsPerByte(mean), textTokens: size?.tokens, textWords: size?.words,
                        textBytes: size?.bytes, textSpecialTokens: size?.specialTokens, tokens: perplexity.tokenCount, sequences: sequences,
                        kind: kind,
                        seconds: seconds, peakMemoryBytes: PeakMemory.bytes)))
            return
        }
        let error = perplexity.valueStandardError.map { " ± \(NumberText.decimal($0, places: 3))" } ?? ""
        session.print("perplexity  \(NumberText.decimal(perplexity.value, places: 3))\(error)  (\(kind))")
        if let size {
            let word = NumberText.decimal(size.wordPerplexity(mean), places: 3)
            let byte = NumberText.decimal(size.bytePerplexity(mean), places: 4)
            session.print(
                "            \(word) word-level, \(byte) byte-level (\(NumberText.decimal(size.bitsPerByte(mean), places: 4)) bits a byte)")
        }
        if let special = size?.specialTokens, special > 0 {
            session.print("            \(NumberText.grouped(special)) special tokens in the text are taken as tokens, not as text")
        }
        let nllError = perplexity.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print("mean NLL    \(NumberText.decimal(mean, places: 6))\(nllError) nats a token")
        session.print("tokens      \(NumberText.grouped(perplexity.tokenCount)) scored in \(sequences) sequences")
        let rate = NumberText.grouped(Int(Double(perplexity.tokenCount) / max(seconds, 1e-9)))
        session.print("time        \(NumberText.decimal(seconds, places: 2)) s, \(rate) tokens/s")
    }
}

/// The keys of `evaluate --json`.
private struct EvaluationResult: Encodable {
    let meanNll: Double
    let meanNllStandardError: Double?
    /// The token-level perplexity, under its older name.
    let perplexity: Double
    let perplexityStandardError: Double?
    let tokenPerplexity: Double
    let wordPerplexity: Double?
    let bytePerplexity: Double?
    let bitsPerByte: Double?
    let textTokens: Int?
    let textWords: Int?
    let textBytes: Int?
    let textSpecialTokens: Int?
    let tokens: Int
    let sequences: Int
    let kind: String
    let seconds: Double
    let peakMemoryBytes: Int
}
