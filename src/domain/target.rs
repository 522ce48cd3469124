#[derive(Debug, Clone)]
pub struct AllowList;
impl AllowList {
    pub fn parse(_t: &str) -> Result<Self, String> {
        Ok(AllowList)
    }
    pub fn allows_loopback(&self) -> bool {
        true
    }
}
