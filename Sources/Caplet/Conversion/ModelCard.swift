import FormatKit
import ModelGraph

/// The part of a README.md that says what was done to a model.
struct ModelCard {
    /// What made the model, as its container keeps it: pipeline, seed, digests, losses.
    let provenance: [(key: String, value: String)]
    /// Sizes and whatever else is known now, in order.
    var facts: [(key: String, value: String)] = []

    static let fileName = "README.md"
    private static let begin = "<!-- caplet: what was done -->"
    private static let end = "<!-- caplet: end -->"

    /// A heading and a table.
    var text: String {
        let rows = (provenance + facts).map { "| \(ModelCard.cell($0.key)) | \(ModelCard.cell($0.value)) |" }
        return ([ModelCard.begin, "## Made with Caplet", "", "| | |", "|---|---|"] + rows + [ModelCard.end]).joined(separator: "\n") + "\n"
    }

    /// A card that is there with this part at its end, in place of an older one.
    func appended(to card: [UInt8]?) -> [UInt8] {
        guard let card, let old = String(validating: card, as: UTF8.self) else { return Array(text.utf8) }
        var kept = old
        if let start = kept.firstRange(of: ModelCard.begin) {
            let tail = kept[start.upperBound...]
            let rest = tail.firstRange(of: ModelCard.end).map { String(tail[$0.upperBound...]) } ?? ""
            kept = String(kept[..<start.lowerBound]) + String(rest.drop { $0 == "\n" })
        }
        while kept.hasSuffix("\n") { kept.removeLast() }
        return Array((kept.isEmpty ? text : kept + "\n\n" + text).utf8)
    }

    /// A table's cell: no bars, one line.
    private static func cell(_ text: String) -> String {
        String(
            text.flatMap { character -> [Character] in
                if character == "|" { return ["\\", "|"] }
                return character.isNewline ? [" "] : [character]
            })
    }
}
