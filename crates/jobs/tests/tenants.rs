//! The list of known tenants.

use jobs::id::Timestamp;
use jobs::tenants;
use testkit::memory::Memory;

#[test]
fn all_tenants_are_listed_by_name_however_many_pages_they_fill() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let memory = Memory::at(Timestamp(1));
    let mut created = Vec::new();
    // A page has 500: none, a full one, two full ones, and one more tenant.
    for until in [0, 500, 1000, 1001] {
        for number in created.len()..until {
            let name = format!("tenant-{number:04}");
            let tenant = name.parse().unwrap();
            assert!(
                runtime
                    .block_on(tenants::create(&memory, &tenant, "ops"))
                    .unwrap()
            );
            created.push(name);
        }
        let listed = runtime.block_on(tenants::list(&memory)).unwrap();
        let names: Vec<String> = listed.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, created, "{until}");
    }
}
