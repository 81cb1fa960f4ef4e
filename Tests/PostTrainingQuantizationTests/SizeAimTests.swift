import Execution
import FormatKit
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import PostTrainingQuantization

/// Sizes that cannot be met are refused before any round, and no others.
final class SizeAimTests: XCTestCase {
    private func graph() throws -> TensorGraph {
        var graph = TensorGraph()
        let values = (0..<20_000).map { Float(($0 &* 7919) % 1001) / 500 - 1 }
        try graph.append(Tensor(name: "w", dense: DenseTensor(floats: values, shape: Shape(rows: 100, columns: 200)), role: .linear))
        try graph.append(Tensor(name: "norm", dense: DenseTensor(floats: Array(values[..<500]), shape: Shape(count: 500)), role: .norm))
        return graph
    }

    private func pass(size: Int) throws -> any PreparedPass {
        let catalog = PassCatalog([QuantizePass.self])
        return try catalog.resolve(Pipeline(parsing: "quantize{size=\(size) target=dense objective=weights}"))[0]
    }

    /// The bytes that codes, scales and other tensors take, of codes at their width.
    private let arrays = OutputSize(dependsOnValues: true) { $0.byteCount }

    func testTheLeastIsWhatIsNotCodedAndNextToNothingForTheRest() throws {
        let least = try LeastOutput(XCTUnwrap(pass(size: 1) as? QuantizePass), of: graph())
        // 500 floats, 20,000 codes of two bits, 100 scales of 16.
        XCTAssertEqual(least.graph.byteCount, 500 * 4 + 20_000 / 4 + 100 * 2)
        XCTAssertEqual(try least.graph["w"]?.payload.checkContents(), 0)
    }

    func testSizesBelowTheLeastAreRefusedWithIt() throws {
        let least = 500 * 4 + 20_000 / 4 + 100 * 2
        for size in [1, 1000, least / 2] {
            XCTAssertThrowsError(try pass(size: size).checkAim(on: graph(), arrays)) {
                XCTAssertEqual(($0 as? PassError)?.kind, .usage)
                XCTAssertTrue("\($0)".contains("size=\(size) cannot be met: the file has more than "), "\($0)")
            }
        }
        for size in [least, least + 1, 1 << 20, .max] { XCTAssertNoThrow(try pass(size: size).checkAim(on: graph(), arrays)) }
        XCTAssertNoThrow(try pass(size: 1).checkAim(on: graph(), nil))
    }

    func testFormatsThatHoldNoCodesHaveOneSize() throws {
        let floats = OutputSize(dependsOnValues: false) { graph in graph.tensors.reduce(0) { $0 + 4 * $1.shape.elementCount } }
        let count = 20_500 * 4
        for size in [1, count - 1, 4 << 20, .max] {
            XCTAssertThrowsError(try pass(size: size).checkAim(on: graph(), floats)) { XCTAssertEqual(($0 as? PassError)?.kind, .usage) }
        }
        // What made the file is not known before: a little more is let pass.
        for size in [count, count + 1000] { XCTAssertNoThrow(try pass(size: size).checkAim(on: graph(), floats)) }
    }
}
