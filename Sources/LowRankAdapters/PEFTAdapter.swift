import Execution
import FormatKit
import LinearAlgebra
import ModelGraph
import SafetensorsFormat
import StrictJSON

/// An adapter as Hugging Face's PEFT has it: a folder with adapter_config.json and adapter_model.safetensors.
///
/// A layer's update is B·A·(lora_alpha / r). Every layer has its own rank, so `rank_pattern` and `alpha_pattern` give each layer that is
/// not of the largest rank its own, and the factor is 1 everywhere.
public struct PEFTAdapter {
    private let split: LowRankSplit
    private let dtype: DType
    /// The folder of the base, as adapter_config.json names it.
    private let baseName: String
    private let isCausal: Bool

    private static let ending = ".weight"

    public init(_ split: LowRankSplit, dtype: DType, baseName: String, isCausal: Bool) {
        self.split = split
        self.dtype = dtype
        self.baseName = baseName
        self.isCausal = isCausal
    }

    /// Why PEFT cannot adapt a tensor; nil where it can.
    public static func reasonAgainst(_ tensor: Tensor) -> String? {
        guard tensor.name.hasSuffix(ending) else { return "is no module's weight" }
        return [.linear, .head].contains(tensor.role) ? nil : "is no linear layer (role \(tensor.role.rawValue))"
    }

    private static func module(_ name: String) -> String { String(name.dropLast(ending.count)) }

    /// Both factors of every layer under PEFT's names.
    ///
    /// - Throws: `GraphError.notComputable` for a value that the dtype cannot hold.
    public func graph() throws -> TensorGraph {
        var graph = TensorGraph()
        for factors in split.factors {
            let module = "base_model.model." + PEFTAdapter.module(factors.name)
            for (name, matrix) in [("lora_A", factors.v), ("lora_B", factors.u)] {
                let dense = try Payload.dense(DenseTensor(matrix, dtype: .f32)).densified(as: dtype, keepingFinite: factors.name)
                try graph.append(Tensor(name: "\(module).\(name).weight", dense: dense))
            }
        }
        return graph
    }

    /// The text of adapter_config.json.
    public var configuration: String {
        let rank = split.largestRank
        let others = split.factors.filter { $0.rank != rank }.map { (PEFTAdapter.module($0.name), "\($0.rank)") }
        let modules = split.factors.map { JSONText.quoted(PEFTAdapter.module($0.name)) }
        return JSONText.object([
            ("peft_type", JSONText.quoted("LORA")),
            ("task_type", JSONText.quoted(isCausal ? "CAUSAL_LM" : "FEATURE_EXTRACTION")),
            ("base_model_name_or_path", JSONText.quoted(baseName)),
            ("r", "\(rank)"), ("lora_alpha", "\(rank)"), ("lora_dropout", "0.0"), ("bias", JSONText.quoted("none")),
            ("rank_pattern", JSONText.object(others.map { (key: $0.0, text: $0.1) })),
            ("alpha_pattern", JSONText.object(others.map { (key: $0.0, text: $0.1) })),
            ("target_modules", JSONText.array(modules)),
            ("fan_in_fan_out", split.factors.contains(where: \.isTransposedInCheckpoint) ? "true" : "false"), ("inference_mode", "true"),
            ("use_rslora", "false"), ("use_dora", "false"), ("init_lora_weights", "true"),
        ]) + "\n"
    }

    /// Writes the folder under a temporary name, to be committed.
    ///
    /// - Parameter card: the text of its README.md.
    public func prepare(_ path: String, card: String, force: Bool, _ context: ExecutionContext) throws -> PreparedWrite {
        let folder = try AtomicFolderWriter(path: path, force: force)
        let weights = "\(folder.temporaryPath)/adapter_model.safetensors"
        var plan = try SafetensorsFormat().write(graph(), to: weights, WriteOptions(), context)
        for (name, text) in [("adapter_config.json", configuration), ("README.md", card)] {
            try folder.write(Array(text.utf8), as: name)
            plan.files.append((name, text.utf8.count))
        }
        return try folder.prepared(plan)
    }
}
