import Architectures
import FormatKit
import GGUFFormat
import LowRankAdapters
import ModelGraph
import Models

/// A model written as a base and a LoRA adapter: GGUF for llama.cpp, folders for PEFT.
struct AdapterConversion {
    let target: OutputTarget
    /// Where the adapter goes.
    let path: String
    let storage: FloatStorage
    let split: LowRankSplit
    private let original: Model

    /// "m-lora.gguf" beside "m.gguf", "m-lora" beside "m".
    static func defaultPath(beside output: String) -> String {
        var trimmed = output
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let name = trimmed.split(separator: "/").last.map(String.init) ?? trimmed
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name[dot...] == ".gguf" else { return trimmed + "-lora" }
        return trimmed.dropLast(name[dot...].count) + "-lora" + name[dot...]
    }

    /// - Throws: `RequestError` for a format without adapters and a model without low-rank terms.
    init(_ original: Model, _ target: OutputTarget, path: String, storage: FloatStorage, _ context: RequestContext) throws {
        self.original = original
        (self.target, self.path, self.storage) = (target, path, storage)
        switch target.format.name {
        case "gguf":
            let reason = try GGUFAdapter.reasonAgainst(original.graph, path: target.path)
            split = try LowRankSplit(original.graph, reasonAgainst: reason)
        case "safetensors":
            guard !target.path.hasSuffix(".safetensors") else {
                throw RequestError(.usage, "an adapter goes with a folder of safetensors; \(target.path) would be a file")
            }
            guard case .plain(let dtype) = storage, [.f32, .f16, .bf16].contains(dtype) else {
                throw RequestError(.usage, "an adapter of safetensors is stored as f32, f16 or bf16")
            }
            split = try LowRankSplit(original.graph, reasonAgainst: AdapterConversion.reasonAgainst(original))
        default:
            throw RequestError(.usage, "adapters go with gguf and safetensors, not with \(target.format.name)")
        }
        guard !split.factors.isEmpty else {
            let reason = split.leftAlone.first.map { ": '\($0.name)' \($0.reason)" } ?? ""
            throw RequestError(.unsupported, "no tensor has low-rank terms that an adapter can hold\(reason)")
        }
        for entry in split.leftAlone {
            context.warn("the low-rank terms of '\(entry.name)' stay in the base: it \(entry.reason)")
        }
        if OutputStage.isSame(path, target.path) { throw RequestError(.usage, "\(path): is where the base is to be, not the adapter") }
        try OutputTarget.check(path, isFolder: target.format.writesFolder(path), replaces: target.options.force, context)
    }

    /// Why PEFT cannot adapt a tensor of the model; nil where it can.
    private static func reasonAgainst(_ model: Model) -> (Tensor) -> String? {
        let family = model.configuration?.family
        return { tensor in
            if family?.isPartOfFused(tensor.name) == true { return "is a part of a tensor of the checkpoint" }
            return PEFTAdapter.reasonAgainst(tensor)
        }
    }

    /// Writes the adapter under a temporary name; it is committed with the base, so that neither is there without the other.
    func prepare(card: ModelCard, _ context: RequestContext) throws -> PreparedWrite {
        if target.format.name == "gguf" {
            var options = WriteOptions()
            options.force = target.options.force
            options.byteOrder = target.options.byteOrder
            let factors = split.factors.map { (name: $0.name, u: $0.u, v: $0.v) }
            let graph = try GGUFAdapter.graph(
                of: original.graph, factors: factors, storage: storage, name: target.options.modelName, path: path)
            return try GGUFFormat().prepare(graph, to: path, options, context.execution)
        }
        guard case .plain(let dtype) = storage else {
            throw RequestError(.usage, "an adapter of safetensors is stored as f32, f16 or bf16")
        }
        let adapter = PEFTAdapter(split, dtype: dtype, baseName: target.path, isCausal: !original.isEncoder)
        return try adapter.prepare(path, card: card.text, force: target.options.force, context.execution)
    }

    func written(_ plan: WritePlan) -> WrittenAdapter {
        WrittenAdapter(output: path, layers: split.factors.count, largestRank: split.largestRank, bytes: plan.byteCount)
    }
}
