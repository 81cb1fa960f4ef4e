import Caplet

/// How far an encoder's embeddings are from those of the model that it was made from, as `evaluate` prints it.
struct EmbeddingReport {
    let original: String
    let distance: EmbeddingEvaluation

    func print(_ session: Session) throws {
        if session.options.json {
            session.print(try Evaluation.embeddings(distance).line(tokens: nil))
            return
        }
        let error = distance.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
        session.print(
            "distance   \(NumberText.decimal(distance.meanDistance, places: 6))\(error)  (one less the cosine of embeddings to those of \(original))"
        )
        session.print("largest    \(NumberText.decimal(distance.largestDistance, places: 6))")
        session.print("sentences  \(NumberText.grouped(distance.sentences))")
    }
}
