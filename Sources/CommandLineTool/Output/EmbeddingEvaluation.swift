import Calibration
import TransformerModel

/// What `evaluate` does with an encoder: its embeddings beside those of the model that it was made from.
struct EmbeddingEvaluation {
    let original: String?
    let modelPath: String

    func run(_ model: Transformer, _ sequences: TokenSequences, _ session: Session) throws {
        guard let original else {
            throw CommandError(
                .usage,
                "the model is an encoder without a head, which predicts nothing; give the model to compare embeddings with as --original MODEL"
            )
        }
        let reference = try session.naming(original) { try Transformer(try session.open(original, from: nil).graph) }
        let distances = try session.naming(modelPath) {
            try EmbeddingDistance.distances(of: model, from: reference, over: sequences, session.execution)
        }
        let summary = Perplexity(sequenceLosses: distances.map { (sum: $0, count: 1) })
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    EmbeddingResult(
                        mean_distance: summary.meanLoss, mean_distance_standard_error: summary.standardError, sentences: distances.count,
                        largest_distance: distances.max() ?? 0)))
            return
        }
        let error = summary.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print(
            "distance   \(NumberText.decimal(summary.meanLoss, places: 6))\(error)  (one less the cosine of embeddings to those of \(original))"
        )
        session.print("largest    \(NumberText.decimal(distances.max() ?? 0, places: 6))")
        session.print("sentences  \(NumberText.grouped(distances.count))")
    }
}

/// The keys of `evaluate --json` for an encoder.
private struct EmbeddingResult: Encodable {
    let mean_distance: Double
    let mean_distance_standard_error: Double?
    let sentences: Int
    let largest_distance: Double
}
