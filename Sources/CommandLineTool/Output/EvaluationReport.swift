import Caplet

/// The loss and the perplexities of a model on text or tokens, as `evaluate` prints them.
struct EvaluationReport {
    let loss: LossEvaluation
    /// The file of token ids, if there was one.
    let tokens: String?
    /// The model that predictions are compared with, if there is one.
    let original: String?

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
            session.print(try JSONOutput.line(EvaluationResult(loss, kind: kind)))
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
        if let original, let divergence = loss.divergence { printDivergence(divergence, original, session) }
        session.print("tokens      \(NumberText.grouped(perplexity.tokenCount)) scored in \(sequences) sequences")
        let rate = NumberText.grouped(Int(Double(perplexity.tokenCount) / max(seconds, 1e-9)))
        session.print("time        \(NumberText.decimal(seconds, places: 2)) s, \(rate) tokens/s")
    }

    private func printDivergence(_ found: PredictionDivergence, _ original: String, _ session: Session) {
        func number(_ mean: Perplexity, places: Int, times factor: Double = 1) -> String {
            let error = mean.standardError.map { " ± \(NumberText.decimal($0 * factor, places: places))" } ?? ""
            return NumberText.decimal(mean.meanLoss * factor, places: places) + error
        }
        let sign = found.difference.meanLoss < 0 ? "" : "+"
        session.print("original    \(NumberText.decimal(found.originalLoss.meanLoss, places: 6)) nats a token (\(original))")
        session.print("difference  \(sign)\(number(found.difference, places: 6)) nats a token")
        session.print(
            "divergence  \(number(found.divergence, places: 6)) nats a token (KL from the original; median \(NumberText.significant(found.median)), "
                + "99 % below \(NumberText.significant(found.percentile99)), largest \(NumberText.significant(found.largest)))")
        session.print("likeliest   the same token in \(number(found.agreement, places: 2, times: 100)) %")
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
    let originalMeanNll: Double?
    let meanNllDifference: Double?
    let meanNllDifferenceStandardError: Double?
    let divergence: Double?
    let divergenceStandardError: Double?
    let divergenceMedian: Double?
    let divergencePercentile99: Double?
    let divergenceLargest: Double?
    let agreement: Double?
    let agreementStandardError: Double?

    init(_ loss: LossEvaluation, kind: String) {
        let (found, size, divergence) = (loss.perplexity, loss.size, loss.divergence)
        let mean = found.meanLoss
        (meanNll, meanNllStandardError) = (mean, found.standardError)
        (perplexity, perplexityStandardError, tokenPerplexity) = (found.value, found.valueStandardError, found.value)
        (wordPerplexity, bytePerplexity) = (size?.wordPerplexity(mean), size?.bytePerplexity(mean))
        bitsPerByte = size?.bitsPerByte(mean)
        (textTokens, textWords, textBytes, textSpecialTokens) = (size?.tokens, size?.words, size?.bytes, size?.specialTokens)
        (tokens, sequences, self.kind) = (found.tokenCount, loss.sequences, kind)
        (seconds, peakMemoryBytes) = (loss.seconds, PeakMemory.bytes)
        originalMeanNll = divergence?.originalLoss.meanLoss
        (meanNllDifference, meanNllDifferenceStandardError) = (divergence?.difference.meanLoss, divergence?.difference.standardError)
        (self.divergence, divergenceStandardError) = (divergence?.divergence.meanLoss, divergence?.divergence.standardError)
        (divergenceMedian, divergencePercentile99, divergenceLargest) = (divergence?.median, divergence?.percentile99, divergence?.largest)
        (agreement, agreementStandardError) = (divergence?.agreement.meanLoss, divergence?.agreement.standardError)
    }
}
