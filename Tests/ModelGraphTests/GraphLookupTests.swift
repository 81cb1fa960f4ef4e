import ModelGraph
import XCTest

/// Names are looked up in time that does not grow with how many there are.
final class GraphLookupTests: XCTestCase {
    func testTiesAndFilesAreFoundByName() throws {
        var graph = TensorGraph()
        try graph.append(Tensor(name: "a", dense: DenseTensor(floats: [1], shape: Shape(count: 1))))
        graph.ties = [Tie(name: "b", target: "a"), Tie(name: "b", target: "gone"), Tie(name: "c", target: "gone")]
        XCTAssertEqual(graph["b"]?.name, "a")
        XCTAssertNil(graph["c"])
        graph.ties.append(Tie(name: "d", target: "a"))
        XCTAssertEqual(graph["d"]?.name, "a")
        graph.ties.removeAll { $0.name == "b" }
        XCTAssertNil(graph["b"])

        graph.attachments = [Attachment(name: "x", bytes: [1]), Attachment(name: "y", bytes: [2])]
        graph.attach(Attachment(name: "x", bytes: [3]))
        graph.attach(Attachment(name: "z", bytes: [4]))
        XCTAssertEqual(graph.attachments.map(\.name), ["x", "y", "z"])
        XCTAssertEqual(graph.attachment("x")?.bytes, [3])
        graph.attachments.removeAll { $0.name == "x" }
        XCTAssertNil(graph.attachment("x"))
        XCTAssertEqual(graph.attachment("z")?.bytes, [4])
    }

    func testBlocksOfLayers() {
        var structure = GraphStructure()
        XCTAssertNil(structure.block(of: "q"))
        structure.inputGroups = [
            InputGroup(name: "attention-input", block: 0, members: ["q", "k"]),
            InputGroup(name: "mlp-input", block: 1, members: ["k", "up"]),
        ]
        XCTAssertEqual(["q", "k", "up", "down"].map(structure.block), [0, 0, 1, nil])
    }

    func testMetadataOfManyKeysIsRemovedAtOnce() {
        var metadata = Metadata()
        for index in 0..<200_000 { metadata["\(index % 2 == 0 ? "own" : "other").\(index)"] = .uint32(UInt32(index)) }
        metadata.removeAll { $0.hasPrefix("own") }
        XCTAssertEqual(metadata.count, 100_000)
        XCTAssertNil(metadata["own.0"])
        XCTAssertEqual(metadata.keys.first, "other.1")
    }
}
