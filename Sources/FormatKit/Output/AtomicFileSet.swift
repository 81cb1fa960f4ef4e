/// Files beside each other that appear together: written under temporary names, and renamed when all are complete.
public final class AtomicFileSet {
    private let stage: OutputStage
    private var writers: [AtomicFileWriter] = []

    /// - Parameter output: the path that the user gave, which may be none of the files'.
    /// - Throws: `FormatError.refused` when a path exists and `force` is false.
    public init(_ output: String, paths: [String], force: Bool) throws {
        stage = try OutputStage(output, paths: paths, isFolder: false, force: force)
    }

    /// The writer of the next file; `finish` it, the set gives it its name.
    public func next() throws -> AtomicFileWriter {
        let output = stage.outputs[writers.count]
        let writer = try AtomicFileWriter(output.path, as: output.temporaryPath)
        writers.append(writer)
        return writer
    }

    /// The finished files, to be committed, perhaps with others.
    ///
    /// - Precondition: as many files as paths, all finished.
    public func prepared(_ plan: WritePlan) -> PreparedWrite {
        precondition(writers.count == stage.outputs.count, "\(writers.count) of \(stage.outputs.count) files were written")
        return PreparedWrite(plan, stage)
    }
}
