import GGUFFormat
import ModelGraph
import PassKit

/// Types by names as the option of `quantize` takes them: it sees the checkpoint's names alone, while a request may name those in GGUF.
struct TensorTypes {
    private let asked: [CompressionRequest.TensorType]

    /// - Throws: `RequestError` for a type that `quantize` does not make.
    init(_ asked: [CompressionRequest.TensorType], _ passes: PassCatalog) throws {
        self.asked = asked
        let option = passes.pass(named: "quantize")?.options.first { $0.name == DefaultPipeline.tensorTypes }
        for type in asked.map(\.type) where option?.accepts("a:\(type)") != true {
            throw RequestError(.usage, "'\(type)' is no type that quantize{tensor-types=…} has, which takes \(option?.domain ?? "none")")
        }
    }

    /// The option's text for a graph; nil where nothing is asked for.
    ///
    /// - Throws: `RequestError` for a pattern that no matrix has a name like, and names that pipeline text cannot spell.
    func text(for graph: TensorGraph) throws -> String? {
        if asked.isEmpty { return nil }
        let names = graph.tensors.filter(\.isMatrixForBlocks).map(\.name)
        let stored = GGUFQuantization.storedNames(of: graph)
        var wanted: [String: String] = [:]
        var spelled: [CompressionRequest.TensorType] = []
        for entry in asked {
            let matched = names.filter { entry.pattern.matches($0) || entry.pattern.matches(stored($0)) }
            if matched.isEmpty { throw RequestError(.usage, "no matrix has a name like '\(entry.pattern.text)'") }
            for name in matched { wanted[name] = entry.type }
            spelled += TensorTypes.patterns(for: matched, among: names).map { CompressionRequest.TensorType($0, entry.type) }
        }
        // As they were asked for, where the checkpoint's names say the same.
        for entries in [asked, spelled] {
            let isSame = names.allSatisfy { name in entries.last { $0.pattern.matches(name) }?.type == wanted[name] }
            let isUsed = entries.allSatisfy { entry in names.contains(where: entry.pattern.matches) }
            if isSame, isUsed, entries.allSatisfy({ TensorTypes.isWord($0.pattern.text) }) {
                return entries.map { "\($0.pattern.text):\($0.type)" }.joined(separator: "+")
            }
        }
        throw RequestError(.unsupported, "the names of the matrices that are to have a type cannot be told apart in a pipeline")
    }

    /// Patterns for some of the checkpoint's names: all blocks at once where all of them are meant, otherwise a name each.
    private static func patterns(for wanted: [String], among names: [String]) -> [NamePattern] {
        var (patterns, covered) = ([NamePattern](), Set<String>())
        let isWanted = Set(wanted)
        for name in wanted where !covered.contains(name) {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            let general = parts.map { !$0.isEmpty && $0.allSatisfy(\.isNumber) ? "*" : String($0) }.joined(separator: ".")
            let pattern = general == name ? nil : NamePattern(general)
            let matched = pattern.map { names.filter($0.matches) } ?? []
            if let pattern, isWanted.isSuperset(of: matched) {
                covered.formUnion(matched)
                patterns.append(pattern)
            } else if let pattern = NamePattern(name) {
                patterns.append(pattern)
            }
        }
        return patterns
    }

    private static func isWord(_ text: String) -> Bool { !text.contains { $0.isWhitespace || "{},=#+:".contains($0) } }
}

extension CompressionRequest {
    /// A type of ggml's for the matrices whose name, by GGUF or by the checkpoint, is like a pattern.
    public struct TensorType: Sendable, Equatable {
        public let pattern: NamePattern
        /// As `quantize{types=…}` has it: q6_k.
        public let type: String

        public init(_ pattern: NamePattern, _ type: String) { (self.pattern, self.type) = (pattern, type.lowercased()) }

        /// What `PATTERN=TYPE` spells; nil for other text.
        public init?(_ text: String) {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[1].isEmpty, let pattern = NamePattern(String(parts[0])) else { return nil }
            self.init(pattern, String(parts[1]))
        }

        var text: String { "\(pattern.text)=\(type)" }
    }

    /// - Throws: `RequestError` where an output has no types of ggml's, or nobody is to choose those of other matrices.
    func checkTensorTypes(_ aim: Aim, formatName: String) throws {
        if tensorTypes.isEmpty { return }
        switch aim {
        case .size, .bitsPerWeight, .lossIncrease: if formatName == "gguf" { return }
        case .keep, .lossless, .pipeline, .pipelineFile: break
        }
        throw RequestError(.usage, "types of single tensors (--tensor-type) go with GGUF files of a size, bits or a loss")
    }
}
