import ModelGraph
import Synchronization

/// What is finished of one pass: by an equal run before, and by this one.
public final class FinishedPass: Sendable {
    private struct Earlier: @unchecked Sendable {
        var tensors: [String: FinishedTensor] = [:]
        var losses: [FinishedLosses.CalibrationSet: [Int: [[Double]]]] = [:]
        var snapshot: PassSnapshot?
        var report: PassReport?
    }

    private let work: FinishedWork
    private let index: Int
    private let earlier: Earlier
    /// Tensors that were asked for one by one.
    private let made = Mutex(Set<String>())

    init(_ work: FinishedWork, _ index: Int, earlier segment: WorkSegment) {
        self.work = work
        self.index = index
        var earlier = Earlier()
        for tensor in segment.tensors { earlier.tensors[tensor.name] = tensor }
        for losses in segment.losses { earlier.losses[losses.set, default: [:]][losses.call] = losses.losses }
        (earlier.snapshot, earlier.report) = (segment.snapshot, segment.report)
        self.earlier = earlier
    }

    /// What the pass makes of a tensor by itself, and its entry in the report: from before, or by `make`. Once a tensor and pass.
    func tensor(_ name: String, _ make: () throws -> (Payload, TensorReport)) throws -> (Payload, TensorReport) {
        made.withLock { _ = $0.insert(name) }
        if let tensor = earlier.tensors[name], let report = tensor.report { return (tensor.payload, report) }
        let (payload, report) = try make()
        var segment = WorkSegment(pass: index)
        segment.tensors = [FinishedTensor(name: name, payload: payload, report: report)]
        try work.add(segment)
        return (payload, report)
    }

    /// The losses of a call: from before, or by `make`.
    ///
    /// - Parameter models: how many of them the call has, of `sequences` each.
    func losses(
        _ set: FinishedLosses.CalibrationSet, call: Int, models: Int, sequences: Int, _ make: () throws -> [[Double]]
    ) throws -> [[Double]] {
        // A pass that goes on from a snapshot does not ask for those before it, and its calls have other numbers.
        guard earlier.snapshot == nil else { return try make() }
        if let losses = earlier.losses[set]?[call], losses.count == models, losses.allSatisfy({ $0.count == sequences }) { return losses }
        let losses = try make()
        var segment = WorkSegment(pass: index)
        segment.losses = [FinishedLosses(set: set, call: call, losses: losses)]
        try work.add(segment)
        return losses
    }

    /// Where an equal run of the pass stood last.
    var snapshot: PassSnapshot? { earlier.snapshot }

    /// Keeps where the pass stands, when it is time.
    func keep(_ make: () throws -> PassSnapshot) throws {
        guard work.isTimeForSnapshot else { return }
        var segment = WorkSegment(pass: index)
        segment.snapshot = try make()
        try work.add(segment)
    }

    /// Makes of the graph what the pass made of it, if all of the pass is finished.
    ///
    /// - Returns: its report, nil when the pass has to be run.
    /// - Throws: `GraphError.inconsistent` for a tensor that the graph does not have so.
    func restore(_ graph: inout TensorGraph) throws -> PassReport? {
        guard let report = earlier.report else { return nil }
        for (name, tensor) in earlier.tensors { try graph.setPayload(tensor.payload, of: name) }
        return report
    }

    /// Notes that all of the pass is finished.
    ///
    /// - Parameters:
    ///   - before: what the pass was given.
    ///   - isLast: whether the output comes next, and no other pass.
    func finish(_ report: PassReport, _ graph: TensorGraph, since before: TensorGraph, isLast: Bool) throws {
        var segment = WorkSegment(pass: index)
        segment.report = report
        let made = made.withLock { $0 }
        for tensor in graph.tensors where !made.contains(tensor.name) {
            if let old = before[tensor.name], tensor.payload.hasSameBytes(as: old.payload) { continue }
            segment.tensors.append(FinishedTensor(name: tensor.name, payload: tensor.payload, report: nil))
        }
        try work.add(segment, soon: !isLast)
    }
}
