import ModelGraph
import Synchronization

/// What is finished of one pass: by an equal run before, and by this one.
public final class FinishedPass: Sendable {
    /// Unchecked: it is never changed, and its payloads are values over bytes that never change.
    private struct Earlier: @unchecked Sendable {
        var tensors: [String: FinishedTensor] = [:]
        var losses: [LossQuestion: [Double]] = [:]
        var records: [String: PassSnapshot] = [:]
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
        for answer in segment.losses { earlier.losses[answer.question] = answer.losses }
        for record in segment.records { earlier.records[record.key] = record.found }
        (earlier.snapshot, earlier.report) = (segment.snapshot, segment.report)
        self.earlier = earlier
    }

    /// What the pass makes of a tensor by itself, and its entry in the report: from before, or by `make`. Once a tensor and pass.
    ///
    /// - Parameter isShared: whether this rank makes it for all.
    func tensor(_ name: String, isShared: Bool, _ make: () throws -> (Payload, TensorReport)) throws -> (Payload, TensorReport) {
        made.withLock { _ = $0.insert(name) }
        if let tensor = earlier.tensors[name], let report = tensor.report { return (tensor.payload, report) }
        let (payload, report) = try make()
        var segment = WorkSegment(pass: index)
        segment.tensors = [FinishedTensor(name: name, payload: payload, report: report)]
        try add(segment, isShared: isShared)
        return (payload, report)
    }

    /// What another rank made of tensors or found out about them.
    func received(_ segment: WorkSegment) throws {
        made.withLock { $0.formUnion(segment.tensors.map(\.name)) }
        var own = segment.under(index)
        let posted = work.posted(index)
        own.tensors.removeAll { posted.tensors.contains($0.name) }
        own.records.removeAll { posted.records.contains($0.key) }
        try add(own, isShared: false)
    }

    /// Lets go of what waits to be sent to rank 0: all ranks have it.
    func forgetPosts() { work.forgetPosts(index) }

    private func add(_ segment: WorkSegment, isShared: Bool) throws {
        if segment.tensors.isEmpty, segment.records.isEmpty { return }
        // What all ranks make rank 0 keeps.
        if work.keepsAll || isShared { try work.add(segment) }
    }

    /// Whether an equal run had made something of a tensor.
    func hasTensor(_ name: String) -> Bool { earlier.tensors[name]?.report != nil }

    /// Whether a stage of an equal run had found out about a tensor.
    func hasRecord(_ stage: String, _ name: String) -> Bool { earlier.records[FinishedRecord.key(stage, name)] != nil }

    /// What a stage finds out about a tensor: from before, or by `make`.
    func record(_ stage: String, _ name: String, isShared: Bool, _ make: () throws -> PassSnapshot) throws -> PassSnapshot {
        if let found = earlier.records[FinishedRecord.key(stage, name)] { return found }
        let found = try make()
        var segment = WorkSegment(pass: index)
        segment.records = [FinishedRecord(stage: stage, name: name, found: found)]
        try add(segment, isShared: isShared)
        return found
    }

    /// The same for what is of use until the stage is done.
    func recordInterim(_ stage: String, _ name: String, _ make: () throws -> PassSnapshot) throws -> PassSnapshot {
        if let found = earlier.records[FinishedRecord.key(stage, name)] { return found }
        let found = try make()
        var segment = WorkSegment(pass: index)
        segment.records = [FinishedRecord(stage: stage, name: name, found: found)]
        try work.addInterim(segment, InterimStage(pass: index, name: stage))
        return found
    }

    func forgetInterim(_ stage: String) throws { try work.forgetInterim(InterimStage(pass: index, name: stage)) }

    /// Whether all that can be is kept, however little work it was.
    var keepsLittle: Bool { work.keepsLittle }

    /// Whether an equal run had any losses.
    var hasLosses: Bool { !earlier.losses.isEmpty }

    /// The answer that an equal run had to a question; nil where it had none.
    func losses(_ question: LossQuestion) -> [Double]? {
        guard let losses = earlier.losses[question], losses.count == question.sequences.count else { return nil }
        return losses
    }

    /// The answer to a question: from before, or by `make`.
    func losses(_ question: LossQuestion, _ make: () throws -> [Double]) throws -> [Double] {
        if let losses = losses(question) { return losses }
        let losses = try make()
        try add([FinishedLosses(question, losses)])
        return losses
    }

    /// Adds answers to what is finished.
    func add(_ answers: [FinishedLosses]) throws {
        if answers.isEmpty || !work.keepsAll { return }
        var segment = WorkSegment(pass: index)
        segment.losses = answers
        try work.add(segment)
    }

    /// Where an equal run of the pass stood last.
    var snapshot: PassSnapshot? { earlier.snapshot }

    /// Keeps where the pass stands, when it is time.
    func keep(_ make: () throws -> PassSnapshot) throws {
        guard work.keepsAll, work.isTimeForSnapshot else { return }
        var segment = WorkSegment(pass: index)
        segment.snapshot = try make()
        // What it is made of may change when this returns.
        try work.addNow(segment)
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
        guard work.keepsAll else { return }
        var segment = WorkSegment(pass: index)
        segment.report = report
        let made = made.withLock { $0 }.union(work.posted(index).tensors)
        for tensor in graph.tensors where !made.contains(tensor.name) {
            if let old = before[tensor.name], tensor.payload.hasSameBytes(as: old.payload) { continue }
            segment.tensors.append(FinishedTensor(name: tensor.name, payload: tensor.payload, report: nil))
        }
        try work.add(segment, soon: !isLast)
    }
}
