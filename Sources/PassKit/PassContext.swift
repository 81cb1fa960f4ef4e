import Execution
import LinearAlgebra
import ModelGraph

/// What a pass is handed beside the graph.
public struct PassContext {
    public private(set) var execution: ExecutionContext
    /// Seed of every random choice; equal seeds give equal results.
    public let seed: UInt64
    /// The graph as it was before the first pass: what later passes measure their errors against.
    public let original: TensorGraph
    /// The calibration set and the model that runs it; nil when no calibration text was given.
    public private(set) var calibration: (any CalibrationProvider)?
    /// The same model with text of the same kind that `calibration` does not have; nil when there is no more.
    public private(set) var heldBack: (any CalibrationProvider)?
    /// The same model with the sequences of `calibration` and more of the same text, none of `heldBack`, for passes that go along gradients; nil
    /// when there is no more.
    public let learning: (any CalibrationProvider)?
    /// Bytes of the file that a graph would be written as; nil where that cannot be told before the end.
    public let outputByteCount: ((TensorGraph) throws -> Int)?
    /// The same for what is only thought of; nil where nothing is known of the output.
    public let outputSize: OutputSize?
    /// Where results wait to be written; nil where they stay in memory.
    public let results: ResultStore?
    /// What of the pass an interrupted run had finished; nil where nothing is kept.
    private(set) var finished: FinishedPass?
    /// Called with lines worth showing while the pass runs.
    public let note: (String) -> Void

    public init(
        execution: ExecutionContext, seed: UInt64, original: TensorGraph, calibration: (any CalibrationProvider)? = nil,
        heldBack: (any CalibrationProvider)? = nil, learning: (any CalibrationProvider)? = nil,
        outputByteCount: ((TensorGraph) throws -> Int)? = nil,
        outputSize: OutputSize? = nil, results: ResultStore? = nil, note: @escaping (String) -> Void = { _ in }
    ) {
        self.execution = execution
        self.seed = seed
        self.original = original
        self.calibration = calibration
        self.heldBack = heldBack
        self.learning = learning
        self.outputByteCount = outputByteCount
        self.outputSize = outputSize
        self.results = results
        self.note = note
    }

    /// The same with fewer threads, for work that runs beside other work.
    public func with(_ execution: ExecutionContext) -> PassContext {
        var copy = self
        copy.execution = execution
        return copy
    }

    /// The same for a pass of which something may be finished.
    func with(_ finished: FinishedPass?) -> PassContext {
        guard let finished else { return self }
        var copy = self
        copy.finished = finished
        copy.calibration = calibration.map { RecordedCalibration($0, .calibration, finished, original: original) }
        copy.heldBack = heldBack.map { RecordedCalibration($0, .heldBack, finished, original: original) }
        return copy
    }

    /// What the pass makes of a tensor by itself, to wait for the pass to end, and its entry in the report; what an interrupted run had
    /// made is not made again. For each tensor once a pass, from any thread.
    ///
    /// - Parameter isShared: whether this rank makes it for all, which are given it by `exchange`.
    public func finishing(
        _ tensor: Tensor, isShared: Bool = false, _ make: () throws -> (Payload, TensorReport)
    ) throws -> (Payload, TensorReport) {
        func kept() throws -> (Payload, TensorReport) {
            let (payload, report) = try make()
            if isShared { Operations.addSolve() }
            return (try results?.keep(payload) ?? payload, report)
        }
        return try finished?.tensor(tensor.name, isShared: isShared, kept) ?? kept()
    }

    /// The payload, with bytes elsewhere when there is too much in memory: for what is not worth keeping for a run that goes on.
    public func keeping(_ payload: Payload) throws -> Payload { try results?.keep(payload) ?? payload }

    /// Whether an interrupted run had made something of a tensor by itself.
    public func isFinished(_ tensor: Tensor) -> Bool { finished?.hasTensor(tensor.name) ?? false }

    /// What a stage of the pass finds out about a tensor, which takes long and is little; what an interrupted run had found out is not looked
    /// for again. For each tensor and stage once a pass, from any thread.
    ///
    /// - Parameter isShared: whether this rank finds it out for all, which are given it by `exchange`.
    public func recording(
        _ stage: String, _ tensor: String, isShared: Bool = false, _ make: () throws -> PassSnapshot
    ) throws -> PassSnapshot {
        func counted() throws -> PassSnapshot {
            if isShared { Operations.addSolve() }
            return try make()
        }
        return try finished?.record(stage, tensor, isShared: isShared, counted) ?? counted()
    }

    /// What a stage finds out about a tensor that may be large, and is of use until `forgetInterim`: kept by a run of one process, where `keepsInterim`.
    public func recordingInterim(_ stage: String, _ tensor: String, _ make: () throws -> PassSnapshot) throws -> PassSnapshot {
        try finished?.recordInterim(stage, tensor, make) ?? make()
    }

    /// Lets go of what was kept of a stage that is done, and whose outcome is recorded.
    public func forgetInterim(_ stage: String) throws { try finished?.forgetInterim(stage) }

    /// Whether stages over so many values take long enough to keep what they find out on the way.
    public func keepsInterim(values: Int) -> Bool {
        guard let finished, !ensemble.isShared else { return false }
        return values >= PassContext.interimValues || finished.keepsLittle
    }

    private static let interimValues = 1 << 27

    /// Whether a stage of an interrupted run had found out about a tensor.
    public func isRecorded(_ stage: String, _ tensor: String) -> Bool { finished?.hasRecord(stage, tensor) ?? false }

    /// Where an interrupted run of the pass stood; nil where it begins.
    public var snapshot: PassSnapshot? { finished?.snapshot }

    /// Keeps where the pass stands, from time to time: `make` is called when it is time.
    public func keepSnapshot(_ make: () throws -> PassSnapshot) throws { try finished?.keep(make) }

    /// The calibration, for a pass that cannot do without.
    public func requireCalibration(for pass: String) throws -> any CalibrationProvider {
        guard let calibration else { throw PassError.needsCalibration(pass) }
        return calibration
    }
}

/// What passes ask of a calibration set: the loss of candidate weights, and the statistics of the layers' inputs.
public protocol CalibrationProvider: AnyObject {
    /// Sequences in the set; they are numbered from 0 and all of the same length.
    var sequenceCount: Int { get }
    /// Tokens scored in each sequence.
    var scoredTokensPerSequence: Int { get }

    /// The mean negative log-likelihood in nats a token of each sequence, with some linear layers' weights replaced; the others
    /// are the original model's. Forward passes only.
    ///
    /// - Parameters:
    ///   - sequences: which of them, in the order of the result.
    ///   - weights: made when their block is run.
    func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double]

    /// The same of a whole model that was made of the original: every tensor of it counts, embeddings and head too.
    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double]

    /// The losses with one tensor replaced at a time: those of alternative i replace `names[i]` alone.
    ///
    /// - Parameters:
    ///   - names: linear layers of blocks, in file order or any other.
    ///   - weight: makes the matrix [out, in] for a position of `names`.
    ///   - body: is given a position and the losses of the sequences, as `losses(sequences:replacing:)` gives them, as soon as they are known.
    func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void) throws

    /// Calls `body` once for each input group of the model, block by block, with the second moment H = XᵀX / N [in, in] of
    /// the N activations that the original model feeds to the group over the whole set.
    ///
    /// - Parameter isWanted: which groups; what follows the last of them is not run.
    /// - Parameter homes: the ranks that are given the moment of a group; nil for all. Others' `body` is given nil.
    func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void) throws

    /// The same with √Hⱼⱼ alone, the root mean square of each input, [in]: a forward pass and next to nothing more.
    func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws

    /// What was found of the set so far that makes it a poor one for the model, a line each.
    var warnings: [String] { get }

    /// Gradients of the model, where its backward pass is known.
    var gradients: (any GradientProvider)? { get }

    /// Calls `replace` once for each block in order, with the second moments of the inputs that the blocks replaced before it
    /// really produce; the matrices [out, in] that it returns are what later blocks see.
    func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws
}

extension CalibrationProvider {
    public var gradients: (any GradientProvider)? { nil }
    public var warnings: [String] { [] }

    public func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        try forEachSecondMoment { group, h in try body(group, h.diagonalRoots) }
    }

    /// For all ranks.
    public func forEachSecondMoment(of isWanted: (InputGroup) -> Bool, _ body: (InputGroup, Matrix) throws -> Void) throws {
        try forEachSecondMoment(of: isWanted, at: { _ in nil }) { group, h in if let h { try body(group, h) } }
    }

    /// Of all groups.
    public func forEachSecondMoment(_ body: (InputGroup, Matrix) throws -> Void) throws {
        try forEachSecondMoment(of: { _ in true }, body)
    }

    /// Without a model to run, every block sees the original inputs.
    public func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws {
        var waiting: [(group: InputGroup, secondMoment: Matrix)] = []
        try forEachSecondMoment { group, h in
            if let last = waiting.last, last.group.block != group.block {
                _ = try replace(waiting)
                waiting = []
            }
            waiting.append((group, h))
        }
        if !waiting.isEmpty { _ = try replace(waiting) }
    }

    public func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        for index in names.indices { try body(index, losses(sequences: sequences, replacing: [names[index]: try weight(index)])) }
    }
}
