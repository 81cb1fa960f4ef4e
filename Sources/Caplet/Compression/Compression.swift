import Architectures
import CLibrary
import Calibration
import CapletFormat
import Dispatch
import Execution
import FormatKit
import Inference
import LinearAlgebra
import ModelGraph
import Models
import PassKit

/// A compression that is known to be possible, as far as that is known before the work.
struct Compression {
    private let request: CompressionRequest
    private let aim: CompressionRequest.Aim
    private let target: OutputTarget
    private let input: Model
    private let original: Model
    private let pipeline: Pipeline
    private let manager: PassManager
    private let execution: ExecutionContext
    /// What passes calibrate on; nil where they do without.
    private let calibration: CalibrationText?
    private let teachers: TeacherModels

    /// - Throws: before anything is read that grows with the model, for a request that cannot be met.
    init(_ request: CompressionRequest, _ context: RequestContext) throws {
        self.request = request
        execution = context.execution(beside: request.output)
        try request.calibration?.check()
        context.willRead([request.model, request.original] + (request.calibration?.paths ?? []) + (request.measuredText?.filePaths ?? []))
        let passes = context.registry.passes
        aim = try request.aim ?? Compression.usualAim(request, context)
        // A pipeline that was written out is checked before the model is looked for.
        let given = try Compression.given(aim, context)
        if let given { _ = try PassManager(given, catalog: passes) }
        var target = try OutputTarget(
            request.output, formatName: request.outputFormat, replaces: request.replacesOutput, context)
        target.options.modelName = ModelPath.folderName(request.model)
        target.options.embedsFiles = request.embedsFiles
        if request.embedsFiles, target.format.name != "gguf" {
            throw RequestError(.usage, "\(target.format.name) files need no copies of a folder's files")
        }
        guard aim != .lossless || target.format.name == "caplet" else {
            throw RequestError(.usage, "packing without loss writes the caplet format", remedy: .convert)
        }
        try request.checkTensorTypes(aim, formatName: target.format.name)
        let types = try TensorTypes(request.tensorTypes, passes)
        self.target = target
        input = try context.open(request.model, from: request.format).model.fitted(to: target, context)
        pipeline =
            try given
            ?? DefaultPipeline.pipeline(
                for: aim, input.graph, keepsBlocks: target.format.name == "gguf", types: types.text(for: input.graph))
        manager = try PassManager(pipeline, catalog: passes)
        original = try request.original.map { try context.open($0).model.fitted(to: target, context) } ?? input
        calibration = try Compression.calibration(request, manager, original)
        teachers = try TeacherModels(manager, original, request.original ?? request.model, context)
        if let path = request.original { try Compression.check(input.graph, request.model, against: original.graph, path) }
        guard input.quantization.isEmpty || aim == .lossless else {
            throw RequestError(.unsupported, "\(request.model): \(ModelError.quantized(input.quantization))")
        }
        if execution.ensemble.isFirst { try checkPlaces(context) }
        try target.checkShapes(of: input, at: request.model, context)
        let ofCodes = try request.original == nil ? CompressionWarnings.ofCodes(aim, input.graph, request.model) : nil
        let warnings = [CompressionWarnings.ofAim(aim, input.graph), ofCodes]
        for line in manager.warnings + warnings.compactMap({ $0 }) { context.warn(line) }
        try context.checkWarnings()
        if calibration?.source == .builtIn {
            context.note("no calibration text is given: English speeches that come with the program are used")
        }
        try manager.checkAim(on: input.graph, target.size(context.execution))
    }

    /// What is aimed at where nothing is said.
    ///
    /// - Throws: `RequestError` for a format without codes of few bits, in which a file of the same numbers has the same size.
    private static func usualAim(_ request: CompressionRequest, _ context: RequestContext) throws -> CompressionRequest.Aim {
        let target = try OutputTarget(request.output, formatName: request.outputFormat, replaces: request.replacesOutput, context)
        guard ["caplet", "gguf"].contains(target.format.name) else {
            throw RequestError(
                .usage, "\(target.format.name) has no codes of few bits, so that it has to be said what is kept", remedy: .giveAim)
        }
        return .lossIncrease(DefaultPipeline.usualLossIncrease)
    }

    /// The text that was given, or the one that comes with the program where passes need any.
    ///
    /// - Throws: `PassError` where a pass needs text and the model has no tokenizer.
    private static func calibration(_ request: CompressionRequest, _ manager: PassManager, _ model: Model) throws -> CalibrationText? {
        if let given = request.calibration, given.source != .builtIn { return given }
        guard manager.needsCalibration else { return nil }
        let text = request.calibration ?? CalibrationText(.builtIn)
        guard let configuration = model.configuration else { return text }
        let hasTokenizer = try configuration.design.isCausal ? model.tokenizer() != nil : model.sentenceTokenizer() != nil
        if !hasTokenizer { try manager.checkCalibration(isGiven: false) }
        return text.fitted(to: configuration)
    }

    /// The pipeline that was written out; nil where it follows from another aim.
    private static func given(_ aim: CompressionRequest.Aim, _ context: RequestContext) throws -> Pipeline? {
        switch aim {
        case .pipeline(let pipeline): return pipeline
        case .pipelineFile(let path):
            context.willRead([path])
            return try Pipeline(parsing: MappedFile(path: path).withBytes { String(decoding: $0, as: UTF8.self) })
        default: return nil
        }
    }

    func plan(_ context: RequestContext) throws -> CompressionPlan {
        let plan = try target.plan(input.graph)
        let costs = try context.naming(request.model) { try manager.costs(of: input.graph, calibration: calibrationCost) }
        return CompressionPlan(
            pipeline: pipeline.description, parameters: input.graph.parameterCount, linearParameters: input.graph.linearParameterCount,
            format: target.format.name, bytes: plan.byteCount, size: DefaultPipeline.size(for: aim, input.graph),
            cost: CostEstimate(costs, context.execution))
    }

    func run(_ context: RequestContext) throws -> CompressionResult {
        // Opened before the work, so that a report that cannot be written is known before and not after it.
        let ensemble = execution.ensemble
        let reportFile =
            try ensemble.isFirst ? request.reportPath.map { try AtomicFileWriter(path: $0, force: request.replacesOutput) } : nil
        let sets = try context.naming(request.original ?? request.model) {
            try CalibrationSets(calibration, original, teachers: teachers.models, context, execution)
        }
        if case .keep = aim {
            if let reason = DefaultPipeline.reason(input.graph) { context.note(reason) }
            context.note(
                "pruned layers run no faster than dense ones, for their values are spread as they are read; --size gives fewer bytes, and above "
                    + "some 100 million parameters more speed")
        }
        let measuredText = try context.naming(request.original ?? request.model) { try self.measuredText(sets, context) }
        let provenance = try self.provenance(sets, context)
        let target = target
        let passContext = PassContext(
            execution: execution, seed: request.seed, original: original.graph, calibration: sets?.calibration, heldBack: sets?.heldBack,
            learning: sets?.learning,
            outputByteCount: { try target.byteCount($0, provenance: provenance + Compression.roomForLosses, execution) },
            outputSize: target.size(execution), results: ResultStore(execution.memory), note: { context.note($0) })
        // Where a pass cannot say what it costs, it says why when it runs.
        let costs = (try? manager.costs(of: input.graph, calibration: calibrationCost)) ?? []
        let plan = WorkPlan(costs, measures: measuredText != nil, execution)
        let start = DispatchTime.now().uptimeNanoseconds
        let identity = identity(provenance, tokens: sets?.digest, context)
        if ensemble.isShared { try RankAgreement.check(identity(), ensemble) }
        let unfinished = unfinishedRun(identity, context)
        return try unfinished.run(beginsAnew: request.replacesOutput, context) { work in
            var graph = input.graph
            let reports = try context.naming(request.model) { try manager.run(&graph, passContext, keeping: work, plan) }
            // What was changed comes back as no file that there was.
            if !reports.isEmpty { graph.fileHeaders = [] }
            for warning in reports.flatMap({ $0.warnings ?? [] }) { context.warn(warning) }
            for warning in CompressionWarnings.ofNothingChanged(reports) { context.warn(warning, .describePasses) }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            plan.enter(costs.count, execution.progress)
            let cost = try measuredText.flatMap { try measuredCost(graph, $0, context) }
            if measuredText != nil { plan.enter(costs.count + 1, execution.progress) }
            let ranks = try RankReport.all(ensemble)
            // All have come to the end, and the first writes.
            let prepared = try ensemble.isFirst ? target.prepare(graph, provenance: provenance + Compression.losses(reports), context) : nil
            let bytes = Int(try ensemble.broadcast(Double(prepared?.plan.byteCount ?? 0), from: 0))
            let inputBytes = FileSize.bytes(at: try HubPath.resolved(request.model))
            try warnOfSize(bytes, from: inputBytes, context)
            let result = CompressionResult(
                output: request.output, pipeline: pipeline.description, seed: request.seed, original: input.graph, compressed: graph,
                inputBytes: inputBytes, outputBytes: bytes, seconds: seconds, cost: cost,
                passes: reports, ranks: ranks, recipe: CompressionRecipe(request, aim: aim, pipeline: pipeline))
            let report = try reportFile.map {
                try result.prepare(in: $0, at: request.reportPath ?? "", model: request.model, of: graph)
            }
            try context.commit([prepared, report].compactMap { $0 })
            return result
        }
    }

    /// What the result is to be measured on; nil where nothing is, or nothing changes.
    private func measuredText(_ sets: CalibrationSets?, _ context: RequestContext) throws -> MeasuredText? {
        guard request.measuresCost, aim != .lossless else { return nil }
        guard let own = request.measuredText else { return sets?.measured }
        return try MeasuredText(own, windowLength: request.measuredContext ?? calibration?.context, original, context)
    }

    /// Says so of an output that is no smaller, unless that was to be expected of the last pass and is said already.
    private func warnOfSize(_ bytes: Int, from inputBytes: Int, _ context: RequestContext) throws {
        guard aim != .lossless, manager.warnings.isEmpty else { return }
        let line = CompressionWarnings.ofSize(
            bytes, request.output, from: inputBytes, request.model, formatName: target.format.name)
        if let line { context.warn(line) }
        try context.checkWarnings()
    }

    /// Nil, with a warning, for a result that cannot be run: it is written all the same.
    private func measuredCost(_ graph: TensorGraph, _ text: MeasuredText, _ context: RequestContext) throws -> MeasuredCost? {
        do {
            return try MeasuredCost(of: graph, from: original, on: text, execution)
        } catch let error where error is GraphError || error is ModelError {
            context.warn("\(request.output): what it cost cannot be measured: \(error)")
            return nil
        }
    }

    /// Finds out before the work that all it writes may be written, each at a place of its own.
    private func checkPlaces(_ context: RequestContext) throws {
        try target.check(context)
        let unfinished = UnfinishedRun.path(beside: request.output)
        try context.reads.check(output: unfinished)
        guard let report = request.reportPath else { return }
        try OutputTarget.check(report, isFolder: false, replaces: request.replacesOutput, context)
        if OutputStage.isSame(report, request.output) || OutputStage.isSame(report, unfinished) {
            throw RequestError(.usage, "\(report): is where the output is to be, not the report")
        }
    }

    /// A model can stand for another only if every tensor has its counterpart.
    private static func check(_ input: TensorGraph, _ inputPath: String, against original: TensorGraph, _ path: String) throws {
        for tensor in input.tensors {
            guard let counterpart = original[tensor.name] else {
                throw RequestError(.malformedInput, "\(path): has no tensor '\(tensor.name)', which \(inputPath) has")
            }
            guard counterpart.shape == tensor.shape else {
                throw RequestError(
                    .malformedInput, "\(path): tensor '\(tensor.name)' is \(counterpart.shape), in \(inputPath) \(tensor.shape)")
            }
        }
    }

    private var calibrationCost: CalibrationCost? {
        guard let calibration, let configuration = input.configuration else { return nil }
        return CalibrationCost(
            input.graph, sequences: calibration.sequences, tokens: TokenisedText.windowLength(calibration.context, configuration),
            teachers: teachers.models.mapValues(\.graph))
    }

    /// All that results depend on.
    ///
    /// - Parameter tokens: digest of the calibration text's.
    private func identity(
        _ provenance: [(key: String, value: String)], tokens: String?, _ context: RequestContext
    ) -> @Sendable () throws -> [String: String] {
        let plugins = context.workspace.plugins.map(\.path)
        let (format, original) = (target.format.name, original)
        return {
            var identity = Dictionary(uniqueKeysWithValues: provenance.map { ($0.key, $0.value) })
            identity["output format"] = format
            identity["calibration tokens"] = tokens
            identity["configuration"] = original.configuration?.digest
            identity["program"] = try ContentDigest.of(file: ProgramFile.path)
            for plugin in plugins { identity["plugin \(plugin)"] = try ContentDigest.of(file: plugin) }
            return identity
        }
    }

    private func unfinishedRun(_ identity: @escaping @Sendable () throws -> [String: String], _ context: RequestContext) -> UnfinishedRun {
        UnfinishedRun(
            output: request.output, identity: identity, format: CapletFormat(), threads: context.execution.threads,
            checkInputs: { try context.reads.checkUnchanged() })
    }

    /// What it takes to make the same bytes again; nothing of a model that is as it was, so that unpacking adds nothing to it.
    private func provenance(_ sets: CalibrationSets?, _ context: RequestContext) throws -> [(key: String, value: String)] {
        if aim == .lossless { return [] }
        var entries = [
            (key: "caplet", value: Version.text),
            (key: "pipeline", value: try manager.description { try teachers.digest($0, context.execution) }),
            (key: "seed", value: "\(request.seed)"),
            (key: "input", value: try ContentDigest.of(input.graph, context.execution)),
        ]
        entries.append(
            (key: "kernels", value: "\(LinearAlgebraRuntime.name) \(LinearAlgebraRuntime.version) \(LinearAlgebraRuntime.coreName)"))
        if request.original != nil { entries.append((key: "original", value: try ContentDigest.of(original.graph, context.execution))) }
        if let sets {
            entries.append((key: "calibration", value: sets.fileDigest))
            entries.append((key: "calibration-sequences", value: "\(sets.count)"))
            if let length = calibration?.context { entries.append((key: "context", value: "\(length)")) }
        }
        return entries
    }

    /// As long as the losses that the output will hold, for its size before they are known.
    private static let roomForLosses = [(key: "loss.dense", value: "3.718294"), (key: "loss.final", value: "3.905167")]

    /// Mean losses on the calibration text before and after, in nats a token, as far as passes measured them.
    private static func losses(_ reports: [PassReport]) -> [(key: String, value: String)] {
        let before = reports.compactMap { $0.measurement("loss.dense") }.first
        let after = reports.compactMap { $0.measurement("loss.final") }.last
        return [("loss.dense", before), ("loss.final", after)].compactMap { key, value in
            value.map { (key, NumberText.decimal($0, places: 6)) }
        }
    }
}

extension TensorGraph {
    /// Parameters of the linear layers.
    package var linearParameterCount: Int { tensors.filter { $0.role == .linear }.reduce(0) { $0 + $1.payload.parameterCount } }
}
