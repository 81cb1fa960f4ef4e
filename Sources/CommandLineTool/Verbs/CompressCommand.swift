import Architectures
import ArgumentParser
import BuiltIns
import Calibration
import CapletFormat
import Dispatch
import Execution
import FormatKit
import LinearAlgebra
import ModelGraph
import PassKit
import TransformerModel

struct CompressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Run a pipeline of passes over a model and write the result.",
        discussion: """
            Without --pipeline the pipeline is \(DefaultPipeline.text(keep: 0.5)), or with --keep another share of the linear \
            layers' parameters. `caplet passes` lists the passes and their options.

            What a long run finishes is kept in OUTPUT.unfinished until the output is there. The command of a run that was interrupted \
            goes on from it, and comes to the same bytes.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.short, .long], help: "Where to write the result.")
    var output: String

    @Option(help: "The pipeline, such as 'rpca{iterations=10},prune-probabilistic{keep=0.5},quantize{bits=8}'.")
    var pipeline: String?

    @Option(help: "A file with the pipeline.")
    var pipelineFile: String?

    @Option(help: "Share of the linear layers' parameters that the default pipeline keeps.")
    var keep: Double?

    @Option(help: "The largest size of the output, such as 3MB: everything is quantised to as many bits as fit, within 0.5 %.")
    var size: ByteLimit?

    @Option(help: "The same, as bits of the whole file for each parameter of the model.")
    var bitsPerWeight: Double?

    @Option(
        help: """
            The smallest file whose mean loss is at most this much above the original's, in nats a token, on what the calibration text \
            has beside the sequences calibrated on; of an encoder, the mean of 1 − cosine of its embeddings to the original's.
            """)
    var maxLossIncrease: Double?

    @Flag(help: "Change nothing and pack the model as it is, bit for bit, for storage and transfer.")
    var lossless = false

    @Option(help: "UTF-8 text to calibrate on.")
    var calibration: String?

    @Option(help: "Token sequences to take from the calibration text, at even distances.")
    var calibrationSequences = 64

    @Option(help: "Tokens in a calibration sequence; the default is the model's context, at most 2048.")
    var context: Int?

    @Option(help: "Seed of every random choice.")
    var seed: UInt64 = 0

    @Option(
        help: """
            The model that MODEL was made from, which passes run on the calibration text and measure errors against. Gives a \
            compressed model further passes, such as refit.
            """)
    var original: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Option(help: "Format to write, instead of what the output's name says.")
    var to: String?

    @Option(help: "Write the passes' reports to this file as JSON.")
    var report: String?

    @Flag(help: "Say what would be done and written, and do nothing.")
    var dryRun = false

    @Flag(help: "Replace what is at the output.")
    var force = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if pipeline != nil && pipelineFile != nil { throw ValidationError("--pipeline and --pipeline-file exclude each other") }
        if keep != nil && (pipeline != nil || pipelineFile != nil) {
            throw ValidationError("--keep belongs to the default pipeline; give keep= in the pipeline's text")
        }
        if let keep, !(keep > 0 && keep <= 1) { throw ValidationError("--keep takes a number above 0, at most 1") }
        let aims = [
            keep != nil, size != nil, bitsPerWeight != nil, maxLossIncrease != nil, lossless, pipeline != nil || pipelineFile != nil,
        ]
        if aims.count(where: { $0 }) > 1 {
            throw ValidationError("--keep, --size, --bits-per-weight, --max-loss-increase, --lossless and a pipeline exclude each other")
        }
        if let maxLossIncrease, !(maxLossIncrease > 0 && maxLossIncrease <= 100) {
            throw ValidationError("--max-loss-increase takes a number above 0, at most 100")
        }
        if let bitsPerWeight, !(bitsPerWeight > 0 && bitsPerWeight <= 64) {
            throw ValidationError("--bits-per-weight takes a number above 0, at most 64")
        }
        try CountOption.check("--calibration-sequences", calibrationSequences, from: 1)
        try CountOption.check("--context", context, from: 2)
    }

    func run() throws {
        ProcessMemory.useHugePages()
        try Session.run(common) { session in
            session.willRead([model, original, calibration, pipelineFile])
            let given = try givenPipeline(session.registry.passes)
            var target = try OutputTarget(output, formatName: to, force: force, session)
            target.options.modelName = ModelPath.folderName(model)
            guard !lossless || target.format.name == "caplet" else {
                throw CommandError(.usage, "--lossless packs into the caplet format; `caplet convert` writes the others")
            }
            let (input, _) = try session.open(model, from: from)
            let pipeline = try given ?? defaultPipeline(input)
            let manager = try PassManager(pipeline, catalog: session.registry.passes)
            let original = try self.original.map { try session.open($0, from: nil).graph } ?? input
            if let path = self.original { try check(input, against: original, path) }
            try checkPlaces(target, session)
            try manager.checkCalibration(isGiven: calibration != nil)
            try manager.checkAim(on: input, target.size(session))
            if dryRun { return try plan(input, pipeline, manager, target, session) }

            // Opened before the work, so that a report that cannot be written is known before and not after it.
            let reportFile = try report.map { try AtomicFileWriter(path: $0, force: force) }
            let calibration = try session.naming(self.original ?? model) { try self.calibrationModel(original, session) }
            let provenance = try self.provenance(pipeline, input, original, session)
            var graph = input
            let scratch = try ScratchFile(beside: output)
            let context = PassContext(
                execution: session.execution, seed: seed, original: original, calibration: calibration?.set,
                heldBack: calibration?.heldBack,
                outputByteCount: { try target.byteCount($0, provenance: provenance + CompressCommand.roomForLosses, session) },
                outputSize: target.size(session), results: ResultStore { try scratch.keep($0) },
                note: { session.diagnostics.note($0) })
            let start = DispatchTime.now().uptimeNanoseconds
            let run = try unfinishedRun(target, provenance, original, calibration?.tokens, session)
            let summary = try run.run(force: force, session.diagnostics) { work in
                let reports = try session.naming(model) { try manager.run(&graph, context, keeping: work) }
                let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
                let prepared = try target.prepare(graph, provenance: provenance + losses(reports), session)
                let summary = CompressionSummary(
                    output: output, pipeline: pipeline.description, seed: seed, original: input, compressed: graph,
                    outputBytes: prepared.plan.byteCount, seconds: seconds, passes: reports)
                let report = try reportFile.map { try summary.prepare(in: $0) }
                try session.commit([prepared] + [report].compactMap { $0 })
                return summary
            }
            try summary.print(session)
            return .done
        }
    }

    /// Finds out before the work that all it writes may be written, each at a place of its own.
    private func checkPlaces(_ target: OutputTarget, _ session: Session) throws {
        try target.check(session)
        let unfinished = UnfinishedRun.path(beside: output)
        try session.reads.check(output: unfinished)
        guard let report else { return }
        try OutputTarget.check(report, isFolder: false, force: force, session)
        if OutputStage.isSame(report, output) || OutputStage.isSame(report, unfinished) {
            throw CommandError(.usage, "--report \(report): is where the output is to be")
        }
    }

    /// A model can stand for another only if every tensor has its counterpart.
    private func check(_ input: TensorGraph, against original: TensorGraph, _ path: String) throws {
        for tensor in input.tensors {
            guard let counterpart = original[tensor.name] else {
                throw CommandError(.malformedInput, "\(path): has no tensor '\(tensor.name)', which \(model) has")
            }
            guard counterpart.shape == tensor.shape else {
                throw CommandError(
                    .malformedInput, "\(path): tensor '\(tensor.name)' is \(counterpart.shape), in \(model) \(tensor.shape)")
            }
        }
    }

    /// The pipeline that was written out, checked before the model is looked for; nil where it follows from a size.
    private func givenPipeline(_ catalog: PassCatalog) throws -> Pipeline? {
        var text = pipeline
        if let pipelineFile { text = try MappedFile(path: pipelineFile).withBytes { String(decoding: $0, as: UTF8.self) } }
        guard let text else { return nil }
        let parsed = try Pipeline(parsing: text)
        _ = try PassManager(parsed, catalog: catalog)
        return parsed
    }

    private func defaultPipeline(_ graph: TensorGraph) throws -> Pipeline {
        if lossless { return Pipeline([]) }
        if let size { return try Pipeline(parsing: DefaultPipeline.text(size: size.bytes)) }
        if let bitsPerWeight {
            // A size of 0 would be none.
            return try Pipeline(parsing: DefaultPipeline.text(size: max(1, Int(bitsPerWeight * Double(graph.parameterCount) / 8))))
        }
        if let maxLossIncrease { return try Pipeline(parsing: DefaultPipeline.text(lossIncrease: maxLossIncrease)) }
        return try Pipeline(parsing: DefaultPipeline.text(keep: keep ?? 0.5))
    }

    /// Held-back sequences to measure on, for each that passes calibrate on.
    private static let heldBackShare = 2

    private func calibrationModel(
        _ graph: TensorGraph, _ session: Session
    ) throws -> (set: CalibrationModel, heldBack: CalibrationModel?, tokens: String)? {
        guard let calibration else { return nil }
        guard let configuration = try graph.configuration() else { throw ModelError.unknownArchitecture("unknown") }
        let windows = try CalibrationText.sequences(of: calibration, graph, windowLength: windowLength(configuration))
        let set = try CalibrationModel(graph, tokens: windows.evenlySpaced(calibrationSequences), session.execution)
        let rest = windows.without(evenlySpaced: calibrationSequences).evenlySpaced(CompressCommand.heldBackShare * calibrationSequences)
        return (set, CalibrationModel(like: set, tokens: rest), windows.digest)
    }

    /// - Parameter tokens: digest of the calibration text's.
    private func unfinishedRun(
        _ target: OutputTarget, _ provenance: [(key: String, value: String)], _ original: TensorGraph, _ tokens: String?, _ session: Session
    ) throws -> UnfinishedRun {
        let identity = {
            var identity = Dictionary(uniqueKeysWithValues: provenance.map { ($0.key, $0.value) })
            identity["output format"] = target.format.name
            identity["calibration tokens"] = tokens
            identity["configuration"] = try original.configuration()?.digest
            identity["program"] = try ContentDigest.of(file: "/proc/self/exe")
            for plugin in session.plugins { identity["plugin \(plugin.path)"] = try ContentDigest.of(file: plugin.path) }
            return identity
        }
        return UnfinishedRun(
            output: output, identity: identity, format: CapletFormat(), threads: session.execution.threads,
            checkInputs: { try session.reads.checkUnchanged() })
    }

    /// What it takes to make the same bytes again; nothing of a model that is as it was, so that unpacking adds nothing to it.
    private func provenance(
        _ pipeline: Pipeline, _ input: TensorGraph, _ original: TensorGraph, _ session: Session
    ) throws -> [(key: String, value: String)] {
        if lossless { return [] }
        var entries = [
            (key: "caplet", value: Version.text), (key: "pipeline", value: pipeline.description), (key: "seed", value: "\(seed)"),
            (key: "input", value: try ContentDigest.of(input, session.execution)),
        ]
        entries.append((key: "kernels", value: "OpenBLAS \(LinearAlgebraRuntime.version) \(LinearAlgebraRuntime.coreName)"))
        if self.original != nil { entries.append((key: "original", value: try ContentDigest.of(original, session.execution))) }
        if let calibration {
            entries.append((key: "calibration", value: try ContentDigest.of(file: calibration)))
            entries.append((key: "calibration-sequences", value: "\(calibrationSequences)"))
            if let context { entries.append((key: "context", value: "\(context)")) }
        }
        return entries
    }

    /// As long as the losses that the output will hold, for its size before they are known.
    private static let roomForLosses = [(key: "loss.dense", value: "3.718294"), (key: "loss.final", value: "3.905167")]

    /// Mean losses on the calibration text before and after, in nats a token, as far as passes measured them.
    private func losses(_ reports: [PassReport]) -> [(key: String, value: String)] {
        let before = reports.compactMap { $0.measurement("loss.dense") }.first
        let after = reports.compactMap { $0.measurement("loss.final") }.last
        return [("loss.dense", before), ("loss.final", after)].compactMap { key, value in
            value.map { (key, NumberText.decimal($0, places: 6)) }
        }
    }

    private func calibrationCost(_ graph: TensorGraph) throws -> CalibrationCost? {
        guard calibration != nil, let configuration = try graph.configuration() else { return nil }
        return CalibrationCost(graph, sequences: calibrationSequences, tokens: windowLength(configuration))
    }

    private func windowLength(_ configuration: ModelConfiguration) -> Int { context ?? min(configuration.contextLength, 2048) }

    private func plan(
        _ graph: TensorGraph, _ pipeline: Pipeline, _ manager: PassManager, _ target: OutputTarget, _ session: Session
    ) throws -> ExitStatus {
        let plan = try target.plan(graph)
        let linear = graph.tensors.filter { $0.role == .linear }.reduce(0) { $0 + $1.payload.parameterCount }
        session.print("pipeline    \(pipeline)")
        session.print("parameters  \(NumberText.grouped(graph.parameterCount)), \(NumberText.grouped(linear)) of them in linear layers")
        session.print(
            "output      \(output) as \(target.format.name), at most \(NumberText.grouped(plan.byteCount)) bytes before compression")
        let costs = try session.naming(model) { try manager.costs(of: graph, calibration: calibrationCost(graph)) }
        session.print("takes       \(CostEstimate(costs, session.execution).text)")
        return .done
    }
}
