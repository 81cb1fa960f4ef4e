import Execution
import FormatKit
import ModelGraph

/// What every format must do, as one suite: described with the format's abilities, or found out by `init(probing:)`.
///
/// Files that are written and read back, hostile variants of them, outputs that must not be touched.
public struct FormatConformance {
    public let format: any WritableFormat
    /// The last path component to write to, such as "m.gguf", or "m" for a folder.
    public let outputName: String
    /// Every dtype that the format carries bit for bit.
    public let dtypes: [DType]
    /// Whether tensors without elements and with no dimensions can be written; refused as unsupported otherwise.
    public var carriesEmptyTensors: Bool {
        get { emptyShapes == FormatConformance.allEmptyShapes }
        set { emptyShapes = newValue ? FormatConformance.allEmptyShapes : [] }
    }
    /// Those of tensors without elements that are carried; the others are refused.
    public var emptyShapes = FormatConformance.allEmptyShapes
    private static let allEmptyShapes = [[0], [0, 4], [4, 0]]
    public var carriesScalars = true
    public var maximumRank = 4
    /// Whether a file holds any number of tensors, and any names; single tensors and their values are looked at otherwise.
    public var carriesSeveralTensors = true
    public var carriesNames = true
    /// Shapes that must come back, where their rank is at most `maximumRank`.
    public var shapes = [[7], [2, 3], [2, 3, 4], [2, 3, 4, 5], [1], [1, 1], [1, 9], [9, 1], [1, 2, 1, 3]]
    /// Names of tensors that must survive.
    public var oddNames = ["a.weight", "0", "with space", "ünï", "a\"quote", "x\\y", "a/b", "..", "CON", "🙂", "tab\tname", ".hidden"]
    /// Whether metadata and attachments come back; a warning is expected where they do not.
    public var carriesMetadata = true
    public var carriesAttachments = true
    /// Whether low-rank, sparse, quantized and composite payloads come back as what they were.
    public var carriesStructure = false

    let log = ConformanceLog()

    public init(_ format: any WritableFormat, outputName: String, dtypes: [DType]) {
        self.format = format
        self.outputName = outputName
        self.dtypes = dtypes
    }

    /// Runs every check, or the one of that name.
    public func checks(only name: String? = nil) -> [ConformanceCheck] {
        log.only = name
        log.check("name and summary", checkDescription)
        log.check("values of every dtype come back", checkRoundTrips)
        log.check("shapes come back", checkShapes)
        log.check("names and order come back", checkNamesAndOrder)
        log.check("metadata comes back, or a warning says not", checkMetadata)
        log.check("files that travel along come back, or a warning says not", checkAttachments)
        log.check("low-rank, sparse and quantized tensors keep their values", checkStructuredPayloads)
        log.check("the plan is what is written, twice the same bytes", checkPlanAndDeterminism)
        log.check("nothing is overwritten unasked, the input never", checkOutputRules)
        log.check("failed and cancelled writes leave nothing", checkFailedWrites)
        log.check("files that end early are refused", checkTruncation)
        log.check("changed bytes are read or refused", checkCorruption)
        return log.checks
    }

    func checkDescription() {
        log.expect(!(format.name.isEmpty || format.summary.isEmpty), "has no name or no summary")
        log.expect(!(format.summary.contains("\n")), "has a summary of several lines")
    }

    // MARK: - What comes back

    func checkRoundTrips() throws {
        for (index, dtype) in dtypes.enumerated() {
            try expectRoundTrip(
                [
                    SampleGraph.tensor("first.weight", dtype, [5, 7], seed: UInt64(index)),
                    SampleGraph.tensor("second.weight", dtype, [64, 96], seed: UInt64(index + 50)),
                ], "dtype \(dtype.rawValue)")
        }
        try expectRoundTrip(
            dtypes.enumerated().map { index, dtype in
                try SampleGraph.tensor("all.\(dtype.rawValue)", dtype, [3, index + 1], seed: UInt64(index))
            }, "all dtypes in one file")
    }

    func checkShapes() throws {
        for shape in shapes where shape.count <= maximumRank {
            try expectRoundTrip([SampleGraph.tensor("t.weight", anyDType, shape)], "shape \(shape)")
        }
        let scalar = try SampleGraph.tensor("scalar", anyDType, [])
        try carriesScalars ? expectRoundTrip([scalar], "scalar") : expectUnsupported([scalar], "scalar")
        for shape in FormatConformance.allEmptyShapes where shape.count <= maximumRank {
            let tensors = try [
                SampleGraph.tensor("b", anyDType, [3]), SampleGraph.tensor("z", anyDType, shape),
                SampleGraph.tensor("a", anyDType, shape), SampleGraph.tensor("c", anyDType, [3]),
            ]
            try emptyShapes.contains(shape) ? expectRoundTrip(tensors, "empty \(shape)") : expectUnsupported(tensors, "empty \(shape)")
        }
        if carriesSeveralTensors { try expectRoundTrip([], "no tensors") }
    }

    func checkNamesAndOrder() throws {
        let tensors = try oddNames.enumerated().map { try SampleGraph.tensor($1, anyDType, [$0 + 1, 3], seed: UInt64($0)) }
        try expectRoundTrip(tensors, "odd names")
        try expectRoundTrip(tensors.reversed(), "odd names reversed")
    }

    func checkMetadata() throws {
        var graph = try smallGraph()
        graph.metadata = SampleGraph.metadata
        let (back, plan) = try writeAndRead(graph)
        for (key, value) in graph.metadata.entries where back.metadata[key] != value {
            if carriesMetadata {
                log.fail("\(label): metadata '\(key)' came back as \(String(describing: back.metadata[key]))")
            } else {
                log.expect(!(plan.warnings.isEmpty), "\(label): metadata '\(key)' was lost without a warning")
            }
        }
    }

    func checkAttachments() throws {
        var graph = try smallGraph()
        graph.attachments = SampleGraph.attachments
        let (back, plan) = try writeAndRead(graph)
        for attachment in graph.attachments where back.attachment(attachment.name)?.bytes != attachment.bytes {
            if carriesAttachments {
                log.fail("\(label): attachment \(attachment.name) did not come back")
            } else {
                log.expectEqual(plan.warnings.count, 1, "\(label): attachments without a place are one warning")
            }
        }
    }

    /// Low-rank + sparse and quantized payloads become arrays with the same values, or come back as they are.
    func checkStructuredPayloads() throws {
        guard dtypes.contains(.f32) else { return }
        guard carriesSeveralTensors, carriesNames else { return }
        let graph = try SampleGraph.structured()
        let (back, plan) = try writeAndRead(graph)
        if carriesStructure {
            log.expectEqual(plan.warnings, [], "\(label): warnings")
            log.expectEqual(back.tensors.map(\.payload.kindName), graph.tensors.map(\.payload.kindName), "\(label): kinds of payloads")
        } else {
            log.expect(!(plan.warnings.isEmpty), "\(label): structure was lost without a warning")
        }
        for tensor in graph.tensors {
            let values = try back[tensor.name]?.payload.densifiedFloats()
            log.expectEqual(values, try tensor.payload.densifiedFloats(), "\(label): values of '\(tensor.name)'")
        }
    }

    func checkPlanAndDeterminism() throws {
        var graph = try smallGraph()
        graph.metadata = SampleGraph.metadata
        graph.attachments = SampleGraph.attachments
        let folder = try TemporaryFolder()
        var options = WriteOptions()
        options.provenance = [("pipeline", "none"), ("seed", "1")]
        options.outputPath = folder.path(outputName)
        let plan = try format.plan(graph, options)
        let written = try format.write(graph, to: folder.path(outputName), options, ExecutionContext())
        log.expectEqual(plan.files.map(\.name), written.files.map(\.name), "\(label): planned files")
        log.expectEqual(plan.tensors.map(\.name), graph.tensors.map(\.name), "\(label): planned tensors")
        let first = try TemporaryFolder.files(under: folder.path(outputName))
        if plan.isExact {
            let planned = plan.files.map { first.count == 1 && first[0].name.isEmpty ? ("", $0.bytes) : ($0.name, $0.bytes) }
            log.expectEqual(planned.sorted { $0.0 < $1.0 }.map(\.1), first.map(\.bytes.count), "\(label): planned sizes")
            if first.count > 1 { log.expectEqual(planned.map(\.0).sorted(), first.map(\.name), "\(label): planned names") }
        }
        let again = try TemporaryFolder()
        try format.write(graph, to: again.path(outputName), options, ExecutionContext(threads: 2))
        let second = try TemporaryFolder.files(under: again.path(outputName))
        log.expectEqual(first.map(\.name), second.map(\.name), "\(label): written twice")
        log.expectEqual(first.map(\.bytes), second.map(\.bytes), "\(label): written twice")
    }
}
