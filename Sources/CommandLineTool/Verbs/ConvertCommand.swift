import Architectures
import ArgumentParser
import Dispatch
import FormatKit
import GGUFFormat
import ModelGraph

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a model in another format, or with another dtype.",
        discussion: """
            Without --dtype every value arrives as it was, or a warning says what the format cannot carry. \
            --dtype q8_0 stores matrices in blocks of 32 with 8 bits each, as llama.cpp's Q8_0, and everything else as F32; \
            q4_0, q4_1, q5_0 and q5_1 do so with 4 and 5 bits, and q2_k to q6_k in blocks of 256 with 2 to 6 bits and the least error \
            that is found. \
            GGUF keeps these blocks, other formats the floats that they decode to.

            --metadata edits the output's metadata: KEY=VALUE keeps the type of a key that is there, KEY:TYPE=VALUE says it (u8 i8 u16 i16 \
            u32 i32 u64 i64 f32 f64 bool str, or an array such as u32[] with a JSON value), KEY= removes the key. In GGUF these are the \
            file's keys, in safetensors the strings of __metadata__.

            --as lora writes low-rank terms as a LoRA adapter beside a base with the rest: OUTPUT.gguf and OUTPUT-lora.gguf for llama.cpp, \
            or the folders OUTPUT and OUTPUT-lora for transformers and PEFT. --dtype is then the base's.

            caplet convert model-folder -o model.gguf
            caplet convert model.gguf -o model-folder --to safetensors
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Argument(help: ArgumentHelp("Where to write, if not given as --output.", valueName: "output"))
    var positionalOutput: String?

    @Option(name: [.short, .long], help: "Where to write: a file, or a folder with --to.")
    var output: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Option(help: "Format to write, instead of what the output's name says.")
    var to: String?

    @Option(help: "Store float tensors as this: \(FloatStorage.names.joined(separator: ", ")).")
    var dtype: String?

    @Option(
        name: .customLong("as"), help: "What low-rank terms become: part of the model, or a LoRA adapter beside it (gguf, safetensors).")
    var representation: Representation = .model

    @Option(help: "Where to write the adapter; the default is the output's name with -lora.")
    var adapter: String?

    @Option(help: "How the adapter is stored: f32, f16, bf16, or q8_0 for GGUF.")
    var adapterDtype = "f16"

    @Flag(help: "Multiply 8-bit float weights by their scales (weight_scale_inv, weight_scale) and store them as BF16, or as --dtype says.")
    var dequantizeFp8 = false

    @Option(help: "Split the weights into files of at most this size, such as 5GB.")
    var maxShardSize: ByteLimit?

    @Option(help: ArgumentHelp("Change the output's metadata; may be repeated.", valueName: "key=value"))
    var metadata: [String] = []

    @Option(help: "Byte order of the output: little or big, for GGUF.")
    var endian: Endianness = .little

    @Flag(help: "List what would be written, and write nothing.")
    var dryRun = false

    @Flag(help: "Replace what is at the output.")
    var force = false

    @OptionGroup var common: CommonOptions

    /// The output, whichever way it was given; `validate` has seen to it that it was.
    private var destination: String { output ?? positionalOutput ?? "" }

    func validate() throws {
        guard (output == nil) != (positionalOutput == nil) else { throw ValidationError("give one output: -o OUTPUT, or a second path") }
        do {
            _ = try metadata.map(MetadataEdit.init(parsing:))
        } catch let failure as MetadataEdit.Failure {
            throw ValidationError("--metadata: \(failure)")
        }
        if let dtype, FloatStorage(name: dtype) == nil {
            throw ValidationError("--dtype takes one of \(FloatStorage.names.joined(separator: ", ")), not '\(dtype)'")
        }
        guard ["f32", "f16", "bf16", "q8_0"].contains(adapterDtype.lowercased()) else {
            throw ValidationError("--adapter-dtype takes one of f32, f16, bf16, q8_0, not '\(adapterDtype)'")
        }
        if adapter != nil, representation != .lora { throw ValidationError("--adapter goes with --as lora") }
        if dryRun, representation == .lora { throw ValidationError("--dry-run and --as lora exclude each other") }
    }

    func run() throws {
        try Session.run(common) { session in
            let target = try target(session)
            let (original, _) = try session.open(model, from: from)
            try target.check(session)
            let provenance = original.provenance
            let card = ModelCard(provenance: provenance, facts: facts(original))
            let split = try adapterConversion(original, target, session)
            var graph = try cast(scaled(split?.split.base ?? original, session), session)
            if target.writesModelFolder, !provenance.isEmpty {
                let old = graph.attachment(ModelCard.fileName)?.bytes
                graph.attach(Attachment(name: ModelCard.fileName, bytes: card.appended(to: old)))
            }
            if dryRun { return try show(target.plan(graph), original, target, session) }
            let start = DispatchTime.now().uptimeNanoseconds
            let base = try target.prepare(graph, provenance: provenance, session)
            let adapter = try split?.prepare(card: card, session)
            try session.commit([base] + [adapter].compactMap { $0 })
            let plan = base.plan
            let written = adapter.flatMap { split?.written($0.plan) }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            try ConversionReport(output: destination, target: target, plan: plan, seconds: seconds, adapter: written).print(
                session)
            return .done
        }
    }

    private func adapterConversion(_ graph: TensorGraph, _ target: OutputTarget, _ session: Session) throws -> AdapterConversion? {
        guard representation == .lora, let storage = FloatStorage(name: adapterDtype) else { return nil }
        let path = adapter ?? AdapterConversion.defaultPath(beside: destination)
        return try AdapterConversion(graph, target, path: path, storage: storage, session)
    }

    /// What a model card says beside how the model was made.
    private func facts(_ graph: TensorGraph) -> [(key: String, value: String)] {
        let kept = graph.parameterCount
        let all = graph.tensors.reduce(0) { $0 + $1.shape.elementCount }
        let form = representation == .lora ? "sparse base and LoRA adapter" : "dense"
        return [("parameters kept", "\(NumberText.grouped(kept)) of \(NumberText.grouped(all))"), ("written as", form)]
    }

    private func target(_ session: Session) throws -> OutputTarget {
        var target = try OutputTarget(destination, formatName: to, force: force, maximumShardBytes: maxShardSize?.bytes, session)
        let name = target.format.name
        func usage(_ message: String) -> CommandError { CommandError(.usage, message) }
        if maxShardSize != nil, !target.format.splitsOutput { throw usage("--max-shard-size: \(name) files are not split") }
        if endian == .big, !target.format.writesBigEndian { throw usage("--endian big: \(name) files are little-endian") }
        if !metadata.isEmpty, !target.format.editsMetadata { throw usage("--metadata: that of \(name) files is not edited") }
        target.options.byteOrder = endian.order
        target.options.metadataEdits = try metadata.map(MetadataEdit.init(parsing:))
        target.options.modelName = ModelPath.folderName(model)
        return target
    }

    /// The graph with the scales of 8-bit weights applied when that is asked for; a warning when it is not and values change.
    private func scaled(_ graph: TensorGraph, _ session: Session) throws -> TensorGraph {
        let weights = graph.scaledFP8Weights
        if dequantizeFp8 {
            if weights.isEmpty { session.diagnostics.warning("--dequantize-fp8: no 8-bit float weight has scales") }
            // A dtype that is asked for is made from floats, in one rounding.
            var scaled = try graph.applyingFP8Scales(as: dtype == nil ? .bf16 : .f32, path: model)
            if !weights.isEmpty, dtype == nil { try scaled.setConfiguredDType(.bf16) }
            return scaled
        }
        if let first = weights.first, dtype != nil {
            session.diagnostics.warning(
                "--dtype converts \(weights.count) 8-bit weights without their scales, '\(first.weight)' the first; --dequantize-fp8 applies them"
            )
        }
        return graph
    }

    private func cast(_ graph: TensorGraph, _ session: Session) throws -> TensorGraph {
        guard let storage = dtype.flatMap(FloatStorage.init(name:)) else { return graph }
        let cast = try graph.cast(to: storage, orElse: GGUFFallback.storage(insteadOf: storage))
        var result = cast.graph
        if case .plain(let dtype) = storage { try result.setConfiguredDType(dtype) }
        for entry in cast.leftAlone { session.diagnostics.warning("tensor '\(entry.name)' stays as it is: \(entry.reason)") }
        for entry in cast.substituted {
            session.diagnostics.warning("tensor '\(entry.name)' is stored as \(entry.storage.displayName): \(entry.reason)")
        }
        let lost = zip(graph.tensors, cast.graph.tensors).filter { $0.isStructured && $0.structureName != $1.structureName }
        if let first = lost.first?.0 {
            let made: String
            if case .plain = storage { made = "plain arrays" } else { made = "\(storage.displayName) blocks" }
            session.diagnostics.warning(
                "--dtype makes \(made) of \(lost.count) tensors, the \(first.structureName) '\(first.name)' the first")
        }
        return result
    }

    private func show(_ plan: WritePlan, _ original: TensorGraph, _ target: OutputTarget, _ session: Session) throws -> ExitStatus {
        for warning in plan.warnings { session.diagnostics.warning(warning) }
        let summary = ConversionPlan(output: destination, format: target.format.name, original, plan)
        if session.options.json { session.print(try JSONOutput.line(summary)) } else { summary.print(session) }
        return .done
    }
}
