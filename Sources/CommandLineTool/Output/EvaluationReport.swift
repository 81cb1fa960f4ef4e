import Caplet

/// The loss and the perplexities of a model on text or tokens, as `evaluate` prints them.
struct EvaluationReport {
    let loss: LossEvaluation
    /// The file of token ids, if there was one.
    let tokens: String?
    /// The model that predictions are compared with, if there is one.
    let original: String?

    func print(_ session: Session) throws {
        let (perplexity, size, sequences, seconds) = (loss.perplexity, loss.size, loss.sequences, loss.seconds)
        let mean = perplexity.meanLoss
        if session.options.json {
            session.print(try Evaluation.loss(loss).line(tokens: tokens))
            return
        }
        let error = perplexity.valueStandardError.map { " ± \(NumberText.decimal($0, places: 3))" } ?? ""
        session.print("perplexity  \(NumberText.decimal(perplexity.value, places: 3))\(error)  (\(loss.kind(tokens: tokens)))")
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
