import Calibration

/// The loss and the perplexities of a model on text or tokens, as `evaluate` prints them.
struct EvaluationReport {
    let perplexity: Perplexity
    let sequences: TokenSequences
    /// What the token-level perplexity is taken over.
    let kind: String
    /// Of the whole text; nil for token ids.
    let size: TextSize?
    let seconds: Double

    func print(_ session: Session) throws {
        let loss = perplexity.meanLoss
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    EvaluationResult(
                        mean_nll: loss, mean_nll_standard_error: perplexity.standardError, perplexity: perplexity.value,
                        perplexity_standard_error: perplexity.valueStandardError, token_perplexity: perplexity.value,
                        word_perplexity: size?.wordPerplexity(loss), byte_perplexity: size?.bytePerplexity(loss),
                        bits_per_byte: size?.bitsPerByte(loss), text_tokens: size?.tokens, text_words: size?.words,
                        text_bytes: size?.bytes, tokens: perplexity.tokenCount, sequences: sequences.sequences.count, kind: kind,
                        seconds: seconds, peak_memory_bytes: PeakMemory.bytes)))
            return
        }
        let error = perplexity.valueStandardError.map { " ± \(NumberText.decimal($0, places: 3))" } ?? ""
        session.print("perplexity  \(NumberText.decimal(perplexity.value, places: 3))\(error)  (\(kind))")
        if let size {
            let word = NumberText.decimal(size.wordPerplexity(loss), places: 3)
            let byte = NumberText.decimal(size.bytePerplexity(loss), places: 4)
            session.print(
                "            \(word) word-level, \(byte) byte-level (\(NumberText.decimal(size.bitsPerByte(loss), places: 4)) bits a byte)")
        }
        let nllError = perplexity.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print("mean NLL    \(NumberText.decimal(loss, places: 6))\(nllError) nats a token")
        session.print("tokens      \(NumberText.grouped(perplexity.tokenCount)) scored in \(sequences.sequences.count) sequences")
        let rate = NumberText.grouped(Int(Double(perplexity.tokenCount) / max(seconds, 1e-9)))
        session.print("time        \(NumberText.decimal(seconds, places: 2)) s, \(rate) tokens/s")
    }
}

/// The keys of `evaluate --json`.
private struct EvaluationResult: Encodable {
    let mean_nll: Double
    let mean_nll_standard_error: Double?
    /// The token-level perplexity, under its older name.
    let perplexity: Double
    let perplexity_standard_error: Double?
    let token_perplexity: Double
    let word_perplexity: Double?
    let byte_perplexity: Double?
    let bits_per_byte: Double?
    let text_tokens: Int?
    let text_words: Int?
    let text_bytes: Int?
    let tokens: Int
    let sequences: Int
    let kind: String
    let seconds: Double
    let peak_memory_bytes: Int
}
