import Execution
import FormatKit
import Foundation
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

/// The suites find what is wrong: a format that is right but for one fault fails the check for that fault.
final class ConformanceTests: XCTestCase {
    enum Fault: String, CaseIterable {
        case dropsATensor = "values of every dtype come back"
        case changesAByte = "shapes come back"
        case renames = "names and order come back"
        case losesFiles = "files that travel along come back, or a warning says not"
        case overwrites = "nothing is overwritten unasked, the input never"
        case leavesAFile = "failed and cancelled writes leave nothing"
        case acceptsAnything = "files that end early are refused"
    }

    /// safetensors with a fault.
    struct FaultyFormat: WritableFormat {
        let base = SafetensorsFormat()
        let fault: Fault?

        var name: String { base.name }
        var summary: String { base.summary }
        var fileExtensions: [String] { base.fileExtensions }
        var layout: FormatLayout { base.layout }

        func recognises(_ probe: FileProbe) -> Bool { base.recognises(probe) }

        func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
            var graph: TensorGraph
            do {
                graph = try base.read(path, context)
            } catch  where fault == .acceptsAnything {
                return TensorGraph()
            }
            if fault == .losesFiles { graph.attachments = [] }
            return graph
        }

        func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan { try base.plan(changed(graph), options) }

        func prepare(
            _ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext
        ) throws -> PreparedWrite {
            var options = options
            if fault == .overwrites { options.force = true }
            do {
                return try base.prepare(changed(graph), to: path, options, context)
            } catch  where fault == .leavesAFile {
                try? "left".write(toFile: path + ".partial", atomically: false, encoding: .utf8)
                throw error
            }
        }

        private func changed(_ graph: TensorGraph) throws -> TensorGraph {
            var tensors = graph.tensors
            if fault == .dropsATensor, tensors.count > 1 { tensors.removeLast() }
            var result = TensorGraph()
            for tensor in tensors { try result.append(changed(tensor)) }
            (result.metadata, result.attachments, result.sources) = (graph.metadata, graph.attachments, graph.sources)
            return result
        }

        private func changed(_ tensor: Tensor) throws -> Tensor {
            guard case .dense(let dense) = tensor.payload else { return tensor }
            if fault == .renames, tensor.name == "tab\tname" { return Tensor(name: "tab name", dense: dense) }
            guard fault == .changesAByte, tensor.shape.rank == 3 else { return tensor }
            let bytes = try dense.bytes.withUnsafeBytes { OwnedBytes([$0[0] ^ 1] + $0.dropFirst()) }
            return Tensor(name: tensor.name, dense: try DenseTensor(dtype: dense.dtype, shape: dense.shape, bytes: bytes))
        }
    }

    func testEveryFaultIsFound() throws {
        for fault in Fault.allCases {
            for (present, passes) in [(fault, false), (nil, true)] {
                let suite = FormatConformance(FaultyFormat(fault: present), outputName: "m", dtypes: [.f32, .bf16])
                XCTAssertEqual(suite.checks(only: fault.rawValue).map(\.passed), [passes], "\(fault)")
            }
        }
    }

    /// What a format carries is found out by trial, and then held against it.
    func testProbing() throws {
        let suite = try FormatConformance(probing: FaultyFormat(fault: nil))
        XCTAssertEqual(Set(suite.dtypes), Set(DType.allCases.filter(\.hasWholeBytes)))
        XCTAssertTrue(suite.carriesScalars && suite.carriesEmptyTensors && suite.carriesSeveralTensors && suite.carriesNames)
        XCTAssertFalse(suite.carriesAttachments, "a single file")
        XCTAssertEqual(suite.checks().filter { !$0.passed }.map(\.failures), [])
    }
}
