import Architectures
import ArgumentParser
import FormatKit
import GGUFFormat
import Glibc
import LowRankAdapters
import ModelGraph

/// What `convert --as` makes of low-rank terms.
enum Representation: String, ExpressibleByArgument, CaseIterable {
    /// Everything in one: low-rank terms are made dense, or kept by formats that can.
    case model
    /// Low-rank terms as a LoRA adapter beside a base with the rest.
    case lora
}

/// A model written as a base and a LoRA adapter: GGUF for llama.cpp, folders for PEFT.
struct AdapterConversion {
    let target: OutputTarget
    /// Where the adapter goes.
    let path: String
    let storage: FloatStorage
    let split: LowRankSplit
    private let original: TensorGraph

    /// "m-lora.gguf" beside "m.gguf", "m-lora" beside "m".
    static func defaultPath(beside output: String) -> String {
        var trimmed = output
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let name = trimmed.split(separator: "/").last.map(String.init) ?? trimmed
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name[dot...] == ".gguf" else { return trimmed + "-lora" }
        return trimmed.dropLast(name[dot...].count) + "-lora" + name[dot...]
    }

    /// - Throws: `CommandError` for a format without adapters and a model without low-rank terms.
    init(_ original: TensorGraph, _ target: OutputTarget, path: String, storage: FloatStorage, _ session: Session) throws {
        self.original = original
        (self.target, self.path, self.storage) = (target, path, storage)
        switch target.format.name {
        case "gguf":
            let reason = try GGUFAdapter.reasonAgainst(original, path: target.path)
            split = try LowRankSplit(original, reasonAgainst: reason)
        case "safetensors":
            guard !target.path.hasSuffix(".safetensors") else {
                throw CommandError(.usage, "--as lora writes folders of safetensors; \(target.path) would be a file")
            }
            guard case .plain(let dtype) = storage, [.f32, .f16, .bf16].contains(dtype) else {
                throw CommandError(.usage, "--adapter-dtype takes f32, f16 or bf16 for safetensors")
            }
            split = try LowRankSplit(original, reasonAgainst: PEFTAdapter.reasonAgainst)
        default:
            throw CommandError(.usage, "--as lora goes with gguf and safetensors, not with \(target.format.name)")
        }
        guard !split.factors.isEmpty else {
            let reason = split.leftAlone.first.map { ": '\($0.name)' \($0.reason)" } ?? ""
            throw CommandError(.unsupported, "--as lora: no tensor has low-rank terms that an adapter can hold\(reason)")
        }
        for entry in split.leftAlone {
            session.diagnostics.warning("the low-rank terms of '\(entry.name)' stay in the base: it \(entry.reason)")
        }
        guard path != target.path else { throw CommandError(.usage, "--adapter \(path): is where the base is to be") }
        var check = try OutputTarget(path, formatName: target.format.name, force: target.options.force, session)
        check.options.outputPath = path
        try check.check(against: original)
    }

    /// Writes the adapter, beside a base that is written by `writeBase`; neither is left when the other fails.
    func write(
        card: ModelCard, _ session: Session, writeBase: () throws -> WritePlan
    ) throws -> (base: WritePlan, adapter: WrittenAdapter) {
        let bytes = try writeAdapter(card, session)
        do {
            let base = try writeBase()
            return (base, WrittenAdapter(output: path, layers: split.factors.count, largestRank: split.largestRank, bytes: bytes))
        } catch {
            FolderRemoval.remove(path)
            throw error
        }
    }

    private func writeAdapter(_ card: ModelCard, _ session: Session) throws -> Int {
        if target.format.name == "gguf" {
            var options = WriteOptions()
            options.force = target.options.force
            options.byteOrder = target.options.byteOrder
            let factors = split.factors.map { (name: $0.name, u: $0.u, v: $0.v) }
            let graph = try GGUFAdapter.graph(
                of: original, factors: factors, storage: storage, name: target.options.modelName, path: path)
            return try GGUFFormat().write(graph, to: path, options, session.execution).byteCount
        }
        guard case .plain(let dtype) = storage else { return 0 }
        let adapter = PEFTAdapter(split, dtype: dtype, baseName: target.path, isCausal: !(try original.isEncoder()))
        return try adapter.write(to: path, card: card.text, force: target.options.force, session.execution)
    }
}
