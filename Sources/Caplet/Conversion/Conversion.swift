import Architectures
import Dispatch
import FormatKit
import GGUFFormat
import ModelGraph
import Models
import QuantizedCheckpoints

/// A conversion that is known to be possible: the graph that is to be written, and where.
struct Conversion {
    private let request: ConversionRequest
    private let target: OutputTarget
    private let original: TensorGraph
    private let card: ModelCard
    private let adapter: AdapterConversion?
    private let vision: VisionConversion?
    private let graph: TensorGraph

    /// - Throws: `RequestError` for what the format does not have; what reading and converting throw.
    init(_ request: ConversionRequest, _ context: RequestContext) throws {
        self.request = request
        var target = try Conversion.target(request, context)
        target.options.hasVisionElsewhere = request.visionPath != nil
        self.target = target
        // GGUF names tensors as their family does; adapters and decoded weights are of linear layers that a family knows.
        let needsFamily = target.format.name == "gguf" || request.adapter != nil || request.dequantization != nil
        let whole = try context.open(request.model, from: request.format, byteDType: request.byteDType, needsFamily: needsFamily).model
        let model = try whole.fitted(to: target, context)
        original = model.graph
        try target.check(context)
        // A tokenizer that cannot be made is the format's to name.
        if target.format.name == "gguf", let warning = try? model.tokenizerWarning() { context.warn(warning) }
        if model.quantization.isEmpty { try target.checkShapes(of: model, at: request.model, context) }
        // That of a container alone: what other formats keep in their metadata travels with that.
        card = ModelCard(provenance: original.provenance, facts: Conversion.facts(original, request))
        if let options = request.adapter {
            let path = options.path ?? AdapterConversion.defaultPath(beside: request.output)
            adapter = try AdapterConversion(model, target, path: path, storage: options.storage, context)
        } else {
            adapter = nil
        }
        vision = try request.visionPath.map { try VisionConversion(whole, target, path: $0, context) }
        let decoded = try Conversion.decoded(
            adapter?.split.base ?? original, request, formatName: target.format.name, context)
        var graph = try Conversion.cast(decoded, request, context)
        if target.writesModelFolder, !original.provenance.isEmpty {
            let old = graph.attachment(ModelCard.fileName)?.bytes
            graph.attach(Attachment(name: ModelCard.fileName, bytes: card.appended(to: old)))
        }
        self.graph = graph
    }

    func write(_ context: RequestContext) throws -> ConversionResult {
        let start = DispatchTime.now().uptimeNanoseconds
        let base = try target.prepare(graph, provenance: original.provenance, context)
        let written = try adapter?.prepare(card: card, context)
        let seeing = try vision?.prepare(context)
        try context.commit([base] + [written, seeing].compactMap { $0 })
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        // A model in parts has no file of the name that was asked for.
        let parts = base.plan.files.filter { $0.name.hasSuffix(".gguf") }
        return ConversionResult(
            format: target.format.name, plan: base.plan, isSplit: target.format.layout == .file && parts.count > 1,
            adapter: written.flatMap { adapter?.written($0.plan) }, vision: seeing.flatMap { vision?.written($0.plan) }, seconds: seconds)
    }

    func plan(_ context: RequestContext) throws -> ConversionPlan {
        let plan = try target.plan(graph)
        for warning in plan.warnings { context.warn(warning) }
        return ConversionPlan(output: request.output, format: target.format.name, original, plan)
    }

    /// What a model card says beside how the model was made.
    private static func facts(_ graph: TensorGraph, _ request: ConversionRequest) -> [(key: String, value: String)] {
        let kept = graph.parameterCount
        let all = graph.tensors.reduce(0) { $0 + $1.shape.elementCount }
        let form = request.adapter == nil ? "dense" : "sparse base and LoRA adapter"
        return [("parameters kept", "\(NumberText.grouped(kept)) of \(NumberText.grouped(all))"), ("written as", form)]
    }

    private static func target(_ request: ConversionRequest, _ context: RequestContext) throws -> OutputTarget {
        var target = try OutputTarget(
            request.output, formatName: request.outputFormat, replaces: request.replacesOutput,
            maximumShardBytes: request.maximumShardBytes, context)
        let name = target.format.name
        try CountRange.check("the size of a shard", request.maximumShardBytes, from: 1, to: .max)
        if request.mixture != nil, name != "gguf" { throw RequestError(.usage, "\(name) files have no mixtures of types") }
        if request.maximumShardBytes != nil, !target.format.splitsOutput { throw RequestError(.usage, "\(name) files are not split") }
        if request.embedsFiles != nil, name != "gguf" { throw RequestError(.usage, "\(name) files need no copies of a folder's files") }
        if request.byteOrder == .big, !target.format.writesBigEndian { throw RequestError(.usage, "\(name) files are little-endian") }
        if !request.metadataEdits.isEmpty, !target.format.editsMetadata {
            throw RequestError(.usage, "the metadata of \(name) files is not edited")
        }
        target.options.byteOrder = request.byteOrder
        target.options.forcesNames = request.forcesNames
        let storesOtherwise = request.storage != nil || request.mixture != nil || !request.tensorStorage.isEmpty || request.adapter != nil
        target.options.embedsFiles = request.embedsFiles ?? !storesOtherwise
        target.options.metadataEdits = request.metadataEdits
        target.options.modelName = ModelPath.folderName(request.model)
        return target
    }

    /// The graph with weights that other tools have quantised as floats, when that is asked for.
    ///
    /// - Throws: `RequestError` for another dtype without: codes would be taken for numbers.
    private static func decoded(
        _ graph: TensorGraph, _ request: ConversionRequest, formatName: String, _ context: RequestContext
    ) throws -> TensorGraph {
        let schemes = graph.quantizationSchemes
        if let wanted = request.dequantization {
            if schemes.isEmpty { context.warn("no weight is quantised, and nothing is decoded") }
            if wanted == .fp8, let other = schemes.first(where: { $0 != "FP8" }) {
                throw RequestError(
                    .unsupported, "\(request.model): the weights are quantised by \(other), which is no FP8", remedy: .applyScales)
            }
            // A dtype that is asked for is made from floats, in one rounding.
            let decoded = try graph.decodingQuantization(
                as: request.storage == nil && request.mixture == nil ? nil : .f32, path: request.model)
            let family = graph.structure.architecture.flatMap(ArchitectureFamily.named)
            if let whole = decoded.tensors.first(where: { family?.isFused($0.name) == true }), formatName != "safetensors" {
                throw RequestError(
                    .unsupported,
                    "\(request.model): '\(whole.name)' is the tensor of all experts; "
                        + "decode to safetensors, and write \(formatName) of what comes of that")
            }
            return decoded
        }
        if !schemes.isEmpty, request.storage != nil || request.mixture != nil || !request.tensorStorage.isEmpty {
            throw RequestError(
                .unsupported,
                "\(request.model): the weights are quantised (\(schemes.joined(separator: ", "))), and codes are no numbers to store otherwise",
                remedy: .applyScales)
        }
        return graph
    }

    private static func cast(_ graph: TensorGraph, _ request: ConversionRequest, _ context: RequestContext) throws -> TensorGraph {
        var quantization = GGUFQuantization()
        (quantization.storage, quantization.mixture) = (request.storage, request.mixture)
        quantization.exceptions = request.tensorStorage
        guard request.storage != nil || request.mixture != nil || !request.tensorStorage.isEmpty else {
            if request.importancePath != nil { throw RequestError(.usage, "an importance matrix goes with a dtype of blocks") }
            return graph
        }
        if let path = request.importancePath {
            context.willRead([path])
            quantization.importance = try ImportanceMatrix(path: path)
        }
        let cast = try quantization.cast(graph, path: request.model)
        for warning in quantization.warnings { context.warn(warning) }
        var result = cast.graph
        if case .plain(let dtype)? = request.storage { try result.setConfiguredDType(dtype) }
        for entry in cast.leftAlone { context.warn("tensor '\(entry.name)' stays as it is: \(entry.reason)") }
        for entry in cast.substituted {
            context.warn("tensor '\(entry.name)' is stored as \(entry.storage.displayName): \(entry.reason)")
        }
        let lost = zip(graph.tensors, cast.graph.tensors).filter { $0.isStructured && $0.structureName != $1.structureName }
        if let first = lost.first?.0 {
            let made: String
            switch request.storage {
            case .plain: made = "plain arrays"
            case let storage?: made = "\(storage.displayName) blocks"
            case nil: made = "blocks or plain arrays"
            }
            context.warn("\(made) are made of \(lost.count) tensors, the \(first.structureName) '\(first.name)' the first")
        }
        return result
    }
}
