import Caplet

/// What `convert --dry-run` prints.
struct ConversionPlanReport {
    let plan: ConversionPlan

    func print(_ session: Session) throws {
        if session.options.json { return session.print(try JSONOutput.line(plan)) }
        var table = TextTable(header: ["tensor", "stored", "would be", "bytes", "would be"], rightAligned: [3, 4])
        for tensor in plan.tensors {
            table.add([
                tensor.name, tensor.before, tensor.after, NumberText.grouped(tensor.bytesBefore), NumberText.grouped(tensor.bytesAfter),
            ])
        }
        table.lines.forEach(session.print)
        session.print("")
        var list = TextTable(header: ["file", plan.isExact ? "bytes" : "at most bytes"], rightAligned: [1])
        for file in plan.files { list.add([file.name, NumberText.grouped(file.bytes)]) }
        list.lines.forEach(session.print)
        session.print("")
        let most = plan.isExact ? "" : "at most "
        session.print("\(plan.output) as \(plan.format): \(most)\(NumberText.grouped(plan.bytes)) bytes; nothing was written")
    }
}
