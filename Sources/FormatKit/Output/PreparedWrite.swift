/// An output that is complete, on the disk, and has only to be given its name. Unless it is, it is removed with the value.
public final class PreparedWrite {
    public let plan: WritePlan
    private let stage: OutputStage

    init(_ plan: WritePlan, _ stage: OutputStage) {
        self.plan = plan
        self.stage = stage
    }

    /// - Throws: `FormatError.refused`, `.writeFailed`. What was there before is there then.
    public func commit() throws { try PreparedWrite.commit([self]) }

    /// Gives all of them their names, or none: whoever finds the first finds all others.
    public static func commit(_ writes: [PreparedWrite]) throws { try OutputStage.commit(writes.map(\.stage)) }
}
