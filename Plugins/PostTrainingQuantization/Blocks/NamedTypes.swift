import ModelGraph
import PassKit

/// Types that matrices of some names have, whatever errors cost: for one that several patterns match it is the last of these.
struct NamedTypes: Sendable {
    struct Entry: Sendable {
        let pattern: NamePattern
        let type: BlockType
    }

    let entries: [Entry]

    /// The types that are named.
    var types: [BlockType] { entries.map(\.type) }

    /// Nil where prices choose.
    func codec(for name: String) -> BlockCodec? { entries.last { $0.pattern.matches(name) }?.type.codec }

    /// - Throws: `PassError` for a pattern that no matrix has a name like, rows that are no whole blocks, and two types in one tensor of a file.
    func check(_ tensors: [Tensor], _ structure: GraphStructure) throws {
        if entries.isEmpty { return }
        for entry in entries where !tensors.contains(where: { entry.pattern.matches($0.name) }) {
            throw PassError(.usage, pass: QuantizePass.name, "no selected matrix has a name like '\(entry.pattern.text)'")
        }
        for tensor in tensors {
            guard let codec = codec(for: tensor.name), codec.byteCount(tensor.shape) == nil else { continue }
            throw PassError(
                .usage, pass: QuantizePass.name,
                "'\(tensor.name)' cannot be \(codec.name): its rows of \(tensor.shape.columns) are no whole blocks")
        }
        for unit in BlockUnit.units(tensors, structure) {
            let names = unit.members.map { tensors[$0].name }
            guard let other = names.first(where: { codec(for: $0) != codec(for: names[0]) }) else { continue }
            throw PassError(
                .usage, pass: QuantizePass.name,
                "'\(names[0])' and '\(other)' are in one tensor of the file, which has one type for all experts")
        }
    }
}

/// Types by patterns of names: "NAME:TYPE", joined by "+".
struct NamedTypesOption: PassOption {
    let name: String
    let summary: String
    let requirements: [OptionRequirement]
    let defaultText = "none"

    init(_ name: String, _ summary: String, requires requirements: [OptionRequirement]) {
        (self.name, self.summary, self.requirements) = (name, summary, requirements)
    }

    var domain: String {
        "none, or NAME:TYPE joined by +, each TYPE one of "
            + BlockType.allCases.filter { $0 != .auto }.map(\.rawValue).joined(separator: ", ")
    }

    func value(of text: String) -> NamedTypes? {
        if text == defaultText { return NamedTypes(entries: []) }
        let parts = text.split(separator: "+", omittingEmptySubsequences: false)
        let entries = parts.compactMap { part -> NamedTypes.Entry? in
            let words = part.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 2, let pattern = NamePattern(words[0]), let type = BlockType(rawValue: words[1]), type != .auto else {
                return nil
            }
            return NamedTypes.Entry(pattern: pattern, type: type)
        }
        return entries.count == parts.count ? NamedTypes(entries: entries) : nil
    }
}
