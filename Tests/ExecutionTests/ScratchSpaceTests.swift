import Conformance
import XCTest

@testable import Execution

final class ScratchSpaceTests: XCTestCase {
    func testRegionsAreApartAndHaveNoName() throws {
        let folder = try TemporaryFolder()
        var regions: [ScratchRegion] = []
        do {
            let space = try ScratchSpace(folder: folder.path(""), extentByteCount: 1 << 20)
            for (index, count) in [0, 1, 4096, 4097, 300_000, 7, 3 << 20].enumerated() {
                let region = try space.allocate(count)
                XCTAssertEqual(region.byteCount, count)
                memset(region.base, Int32(index + 1), count)
                regions.append(region)
            }
            XCTAssertEqual(space.mappingCount, 2, "one of a MiB for all small ones, one for the large one")
        }
        // Regions outlive the space, and what is let go of is there when it is asked for again.
        for (index, region) in regions.enumerated() {
            region.letGo()
            let bytes = UnsafeRawBufferPointer(start: region.base, count: region.byteCount)
            XCTAssertTrue(bytes.allSatisfy { $0 == UInt8(index + 1) }, "region \(index)")
        }
        XCTAssertEqual(try folder.files().count, 0)
    }

    /// Thousands of parts take a mapping, and what is given back is given out again, whole.
    func testRoomIsUsedAgain() throws {
        let folder = try TemporaryFolder()
        let space = try ScratchSpace(folder: folder.path(""), extentByteCount: 64 << 20)
        for _ in 0..<5 {
            var regions = try (0..<4000).map { _ in try space.allocate(10_000) }
            XCTAssertEqual(Set(regions.map(\.base)).count, 4000)
            // Every other one first: their neighbours join them.
            regions = regions.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            regions = []
            XCTAssertNotNil(try space.allocate(60 << 20))
            XCTAssertEqual(space.mappingCount, 1)
        }
    }

    func testAFolderThatIsNotThereIsAnError() {
        XCTAssertThrowsError(try ScratchSpace(folder: "/nonexistent")) { error in
            XCTAssertEqual((error as? ScratchError)?.code, ENOENT)
            XCTAssertEqual("\(error)", "/nonexistent: no room for scratch: No such file or directory")
        }
    }

    /// What nobody has room for is an error when it is asked for, not when it is written.
    func testAFullDiskIsAnError() throws {
        let folder = try TemporaryFolder()
        let space = try ScratchSpace(folder: folder.path(""))
        XCTAssertThrowsError(try space.allocate(1 << 50)) { XCTAssertTrue($0 is ScratchError, "\($0)") }
    }
}
