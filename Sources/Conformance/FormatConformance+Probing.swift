import Execution
import FormatKit
import ModelGraph

extension FormatConformance {
    /// The suite for a format of which nothing is known: what it carries is found out by writing one thing at a time. What is written
    /// without a warning must come back; what is refused as unsupported, or warned of, need not.
    ///
    /// - Throws: any error but `FormatError.unsupported`, and a `ConformanceLog.Failure` when no matrix of any dtype can be written.
    public init(probing format: any WritableFormat) throws {
        let ending = format.layout == .folder ? "" : format.fileExtensions.first.map { "." + $0 } ?? ""
        self.init(format, outputName: "model" + ending, dtypes: [])
        var carried: [DType] = []
        for dtype in DType.allCases where dtype.hasWholeBytes {
            if try writes([SampleGraph.tensor("a.weight", dtype, [8, 8])]) { carried.append(dtype) }
        }
        guard !carried.isEmpty else {
            throw ConformanceLog.Failure(description: "\(format.name): no dtype can be written, as a matrix of 8 × 8, without a warning")
        }
        self = FormatConformance(format, outputName: outputName, dtypes: carried)
        let dtype = anyDType
        func tensor(_ shape: [Int]) throws -> Tensor { try SampleGraph.tensor("a.weight", dtype, shape) }
        shapes = try shapes.filter { try writes([tensor($0)]) }
        carriesScalars = try writes([tensor([])])
        emptyShapes = try emptyShapes.filter { try writes([tensor($0)]) }
        carriesSeveralTensors = try writes([tensor([2, 3]), SampleGraph.tensor("b.weight", dtype, [2, 3])]) && writes([])
        oddNames = try oddNames.filter { try writes([SampleGraph.tensor($0, dtype, [2, 3])]) }
        carriesNames = !oddNames.isEmpty
        carriesMetadata = try writes([tensor([2, 3])]) { $0.metadata = SampleGraph.metadata }
        carriesAttachments = try writes([tensor([2, 3])]) { $0.attachments = SampleGraph.attachments }
    }

    /// What was found, one line each.
    public var abilities: [String] {
        func without(_ condition: Bool, _ what: String) -> String? { condition ? nil : what }
        let lacking = [
            without(carriesSeveralTensors, "more than one tensor"), without(carriesNames, "names"), without(carriesScalars, "scalars"),
            without(carriesEmptyTensors, "tensors without elements"), without(carriesMetadata, "metadata"),
            without(carriesAttachments, "files"),
        ].compactMap { $0 }
        let ranks = Set(shapes.map(\.count)).sorted().map(String.init).joined(separator: ", ")
        return ["carries \(dtypes.map(\.rawValue).joined(separator: " ")), of rank \(ranks)"]
            + (lacking.isEmpty ? [] : ["does not carry \(lacking.joined(separator: ", "))"])
    }

    /// Whether the tensors can be written and nothing is said to be lost.
    private func writes(_ tensors: [Tensor], _ change: (inout TensorGraph) -> Void = { _ in }) throws -> Bool {
        var graph = try SampleGraph.graph(tensors)
        change(&graph)
        let folder = try TemporaryFolder()
        do {
            return try format.write(graph, to: folder.path(outputName), WriteOptions(), ExecutionContext()).warnings.isEmpty
        } catch let error as FormatError where error.kind == .unsupported {
            return false
        }
    }
}
