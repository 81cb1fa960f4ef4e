import ModelGraph

/// Some of what a pass has finished.
public struct WorkSegment {
    /// Number of the pass in its pipeline, from 0.
    public let pass: Int
    public var tensors: [FinishedTensor] = []
    public var losses: [FinishedLosses] = []
    /// What stages of the pass found out, by stage and tensor.
    public var records: [FinishedRecord] = []
    /// Takes the place of those before it.
    public var snapshot: PassSnapshot?
    /// The stage whose findings these are, for as long as it goes on; nil for what is of use until the pass is finished.
    public var interim: String?
    /// What the pass reported, once all of it is finished.
    public var report: PassReport?

    /// What segments mean: those that were kept under another number are not understood.
    public static let version = 3

    public init(pass: Int) { self.pass = pass }

    /// The tensors and records of a segment, as those of another pass.
    func under(_ pass: Int) -> WorkSegment {
        var segment = WorkSegment(pass: pass)
        (segment.tensors, segment.records) = (tensors, records)
        return segment
    }

    /// Bytes of all that stages found out.
    var arrayByteCount: Int { records.reduce(0) { $0 + $1.found.arrays.values.reduce(0) { $0 + $1.byteCount } } }

    mutating func add(_ other: WorkSegment) {
        tensors += other.tensors
        losses += other.losses
        records += other.records
        snapshot = other.snapshot ?? snapshot
        report = other.report ?? report
    }
}

/// What a pass made of one tensor.
public struct FinishedTensor {
    public let name: String
    public let payload: Payload
    /// Nil where the pass makes all tensors together: its own report says what became of them.
    public let report: TensorReport?

    public init(name: String, payload: Payload, report: TensorReport?) {
        self.name = name
        self.payload = payload
        self.report = report
    }
}

/// What a stage of a pass found out about one tensor.
public struct FinishedRecord {
    public let stage: String
    /// The tensor's name.
    public let name: String
    public let found: PassSnapshot

    public init(stage: String, name: String, found: PassSnapshot) { (self.stage, self.name, self.found) = (stage, name, found) }

    var key: String { FinishedRecord.key(stage, name) }

    static func key(_ stage: String, _ name: String) -> String { "\(stage): \(name)" }
}
